"""API Gateway, the pure half: an HTTP request to the event of an HTTP API (format 2.0) or a REST API (1.0), and the answer to HTTP.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from slsdeploy.local.functions import url_event
from slsdeploy.local.functions.api_routes import Api, Found
from slsdeploy.local.functions.url_event import BadResponse, HttpRequest, HttpResponse, Site
from slsdeploy.local.lambda_names import ACCOUNT

Caller = Mapping[str, Any] | None
_ADDED = ("x-amzn-trace-id", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto")


@dataclass(frozen=True, slots=True)
class ApiSite(Site):
    """What is the same for every request to one API."""

    @property
    def domain(self) -> str:
        return f"{self.id}.execute-api.{self.region}.amazonaws.com"


def make_event(request: HttpRequest, site: Site, api: Api, found: Found, caller: Caller) -> dict[str, Any]:
    """Return the event for a request; `caller` is who signed it (None: nobody)."""
    event = url_event.make_event(request, site, caller)
    if api.kind == "rest":
        return _format_1(request, event, api, found, caller)
    event["routeKey"] = event["requestContext"]["routeKey"] = found.route.key
    event["requestContext"] |= {"stage": found.stage, "accountId": ACCOUNT}
    if found.parameters:
        event["pathParameters"] = dict(found.parameters)
    if api.stages[found.stage]:
        event["stageVariables"] = dict(api.stages[found.stage])
    return event


def _format_1(request: HttpRequest, plain: Mapping[str, Any], api: Api, found: Found, caller: Caller) -> dict[str, Any]:
    added = {name: plain["headers"][name] for name in _ADDED}
    sent = [(name, value) for name, value in request.headers if name.lower() not in added]
    pairs = [*sent, *((name.title(), value) for name, value in added.items())]
    query = parse_qsl(request.query, keep_blank_values=True)
    return {
        "resource": found.route.path,
        "path": unquote(found.path),
        "httpMethod": request.method,
        "headers": dict(pairs) or None,
        "multiValueHeaders": _lists(pairs),
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _lists(query),
        "pathParameters": dict(found.parameters) or None,
        "stageVariables": dict(api.stages[found.stage]) or None,
        "requestContext": _context_1(request, plain["requestContext"], found, caller),
        **_body_1(request, plain["headers"].get("content-type", ""), api),
    }


def _context_1(request: HttpRequest, plain: Mapping[str, Any], found: Found, caller: Caller) -> dict[str, Any]:
    who = caller or {}
    identity: dict[str, Any] = dict.fromkeys(
        [
            *("cognitoIdentityPoolId", "cognitoIdentityId", "cognitoAuthenticationType"),
            *("cognitoAuthenticationProvider", "principalOrgId"),
        ]
    )
    identity |= {
        "accountId": who.get("accountId"),
        "caller": who.get("callerId"),
        "accessKey": who.get("accessKey"),
        "userArn": who.get("userArn"),
        "user": who.get("userId"),
        "sourceIp": request.source_ip,
        "userAgent": plain["http"]["userAgent"],
    }
    return {
        "resourceId": "local",
        "resourcePath": found.route.path,
        "httpMethod": request.method,
        "extendedRequestId": plain["requestId"],
        "requestTime": plain["time"],
        "path": unquote(request.path),
        "accountId": ACCOUNT,
        "protocol": "HTTP/1.1",
        "stage": found.stage,
        "domainPrefix": plain["domainPrefix"],
        "requestTimeEpoch": plain["timeEpoch"],
        "requestId": plain["requestId"],
        "identity": identity,
        "domainName": plain["domainName"],
        "apiId": plain["apiId"],
    }


def _lists(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]] | None:
    lists: dict[str, list[str]] = {}
    for name, value in pairs:
        lists.setdefault(name, []).append(value)
    return lists or None


def _body_1(request: HttpRequest, content_type: str, api: Api) -> dict[str, Any]:
    """Bytes where the API says that this type is binary; anything else is taken for text, whatever becomes of it."""
    if not request.body:
        return {"body": None, "isBase64Encoded": False}
    if _is_binary(content_type, api):
        return {"body": base64.b64encode(request.body).decode(), "isBase64Encoded": True}
    return {"body": request.body.decode(errors="replace"), "isBase64Encoded": False}


def _is_binary(kind: str, api: Api) -> bool:
    return "*/*" in api.binary or kind.partition(";")[0].strip().lower() in api.binary


def read_response(payload: bytes, request: HttpRequest, api: Api) -> HttpResponse:
    """Return what a function's answer means as HTTP. Raises BadResponse when it means nothing.

    A REST API takes answers with a status only, and hands bytes on where the first type that the caller accepts is binary.
    """
    if api.kind == "http":
        return url_event.read_response(payload)
    try:
        answer = json.loads(payload)
    except ValueError as error:
        raise BadResponse("it is no JSON") from error
    if not isinstance(answer, dict) or "statusCode" not in answer:
        raise BadResponse("it has no statusCode")
    many = answer.pop("multiValueHeaders", None) or {}
    if not isinstance(many, dict) or not all(isinstance(values, list) for values in many.values()):
        raise BadResponse("multiValueHeaders is no object of lists")
    asked = next((value for name, value in request.headers if name.lower() == "accept"), "")
    if answer.get("isBase64Encoded") and not _is_binary(asked.partition(",")[0], api):
        answer["isBase64Encoded"] = False
    response = url_event.read_response(json.dumps(answer).encode())
    several = [(str(name), str(value)) for name, values in many.items() for value in values]
    named = {name.lower() for name, _ in several}
    single = [(name, value) for name, value in response.headers if name.lower() not in named]
    return HttpResponse(response.status, [*single, *several], response.body)
