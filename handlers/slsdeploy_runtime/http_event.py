"""An HTTP event of a Function URL, API Gateway or a load balancer -> Call; a Reply -> the answer in that sender's own form.

2026-11-21: read here and not by Mangum. Our own routes are no ASGI application, and Mangum imports asyncio and ssl: 40 of the 130 ms
that an HTTP function took to start, and 57 us of each request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from slsdeploy_runtime.answer_size import ANSWER_BYTES
from slsdeploy_runtime.request import mismatch

JSON = "application/json"
HTML = "text/html; charset=utf-8"
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
BALANCER_BYTES = 1024 * 1024


class Call(NamedTuple):
    """One HTTP request: lower-case headers, the path decoded, the query as sent, the whole body; whether AWS checked its signature.

    `most` bytes can be answered, as Lambda wraps them; `base` is what clients write in front of the path, as in "/live".
    """

    method: str
    path: str
    headers: Mapping[str, str]
    query: str
    body: bytes
    is_signed: bool = False
    most: int = ANSWER_BYTES
    base: str = ""


class Reply(NamedTuple):
    """What is answered; a body that is not text goes in base64."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    is_text: bool = True


def read(event: Mapping[str, Any]) -> Call:
    """Understand an event. Raises BadInput for a body that is not the base64 it says it is, and for an event that none of them sends.

    https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
    """
    try:
        context = event["requestContext"]
        if "http" in context:
            http = context["http"]
            method, query, is_signed = http["method"], event.get("rawQueryString", ""), "authorizer" in context
        else:
            method, query = event["httpMethod"], _query(event)
            is_signed = bool((context.get("identity") or {}).get("userArn"))
        base, path = place(event)
        return Call(method, _unquoted(path) or "/", _headers(event), query, _body(event), is_signed, most(event), base)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        found = f"{type(error).__name__}: {error}"
        raise mismatch("event", found, "an event of a Function URL, API Gateway or a load balancer") from error


def write(event: Mapping[str, Any], reply: Reply) -> dict[str, Any]:
    """Return what the event's sender wants as an answer."""
    headers = {"content-type": reply.content_type, **dict(reply.headers)}
    answer = {
        "statusCode": reply.status,
        "body": reply.body.decode() if reply.is_text else _base64(reply.body),
        "isBase64Encoded": not reply.is_text,
    }
    if "elb" in event["requestContext"] and "multiValueHeaders" in event:
        return {**answer, "multiValueHeaders": {name: [value] for name, value in headers.items()}}
    return {**answer, "headers": headers}


def most(event: Mapping[str, Any]) -> int:
    """Return how many bytes can be answered, as Lambda wraps them."""
    return BALANCER_BYTES if "elb" in event["requestContext"] else ANSWER_BYTES


def takes_bytes(event: Mapping[str, Any]) -> bool:
    """Say whether a body in base64 reaches the caller as bytes, whatever its type: not through a REST API, unless it is told to.

    Ours is, and its stage says so with a variable (`http_ways.TAKES_BYTES`), as that of any other may.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/lambda-proxy-binary-media.html
    """
    context = event["requestContext"]
    if "http" in context or "elb" in context:
        return True
    return (event.get("stageVariables") or {}).get("takes_bytes") == "true"


def _headers(event: Mapping[str, Any]) -> dict[str, str]:
    many = event.get("multiValueHeaders")
    if many:
        headers = {name.lower(): ", ".join(values) for name, values in many.items()}
        if not takes_bytes(event):
            headers.pop("accept-encoding", None)
        return headers
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    "".join(headers.values())  # stumbles over a value that is no text
    if event.get("cookies"):
        headers["cookie"] = "; ".join(event["cookies"])
    return headers


def _query(event: Mapping[str, Any]) -> str:
    """Write the query as it was sent: API Gateway decodes it, a load balancer leaves it as it came."""
    query = event.get("multiValueQueryStringParameters") or event.get("queryStringParameters")
    if not query:
        return ""
    if "elb" in event["requestContext"]:
        pairs = [
            (name, value) for name, each in query.items() for value in (each if isinstance(each, list) else [each])
        ]
        return "&".join(f"{name}={value}" for name, value in pairs)
    from urllib.parse import urlencode  # slow to import, and seldom needed

    return urlencode(query, doseq=True)


def place(event: Mapping[str, Any]) -> tuple[str, str]:
    """Return what is in front of the path as clients write it ("": nothing), and the path that is left; still percent-encoded.

    An HTTP API leaves its stage in the path unless that is `$default`, a REST API takes it out; a load balancer's rule leaves its own.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    """
    context = event["requestContext"]
    if "http" in context:
        stage = context.get("stage", "$default")
        return _split(context["http"]["path"], "" if stage == "$default" else f"/{stage}")
    path = event["path"]
    if "elb" in context:
        from os import environ

        return _split(path, environ.get("SLSDEPLOY_BALANCER_BASE", ""))  # http_ways.BASE
    whole = context.get("path") or path
    return (whole.removesuffix(path) if path != "/" else whole.rstrip("/")) if whole.endswith(path) else "", path


def _split(path: str, base: str) -> tuple[str, str]:
    if base and (path == base or path.startswith(f"{base}/")):
        return base, path[len(base) :]
    return "", path


def _unquoted(path: str) -> str:
    if "%" not in path:
        return path
    from urllib.parse import unquote  # slow to import, and seldom needed

    return unquote(path)


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return body.encode() if isinstance(body, str) else bytes(body)
    from binascii import Error, a2b_base64  # what the module base64 is made of

    try:
        return a2b_base64(body, strict_mode=True)
    except (Error, ValueError) as error:  # ValueError: not even ASCII
        raise mismatch("body", f"what is not base64 ({error})", "base64, as isBase64Encoded says") from None


def _base64(body: bytes) -> str:
    from binascii import b2a_base64

    return b2a_base64(body, newline=False).decode()
