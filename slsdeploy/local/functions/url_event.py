"""Function URLs, the pure half: an HTTP request to a Lambda event, and what the function answers to an HTTP response.

Payload format 2.0, https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads. Must not know of sockets.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

Headers = Sequence[tuple[str, str]]

_TEXT_TYPES = frozenset({"application/json", "application/javascript", "application/xml", "application/graphql"})
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Site:
    """What is the same for every request to one URL: its id (32 letters), its region, the loopback port it is at."""

    id: str
    region: str
    port: int

    @property
    def domain(self) -> str:
        return f"{self.id}.lambda-url.{self.region}.on.aws"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """An HTTP request as it came: `path` and `query` still percent-encoded."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes
    source_ip: str


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An HTTP response: headers in order, a name as often as it is to be sent."""

    status: int
    headers: Headers
    body: bytes


class BadResponse(ValueError):
    """The function answered something that is no HTTP response."""


def make_event(request: HttpRequest, site: Site, caller: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the event for a request; `caller` is who signed it (None: nobody)."""
    headers = _merged(request.headers)
    cookies = headers.pop("cookie", None)
    trace = uuid.uuid4().hex
    headers["x-amzn-trace-id"] = f"Root=1-{int(time.time()):x}-{trace[:24]}"
    headers["x-forwarded-proto"] = "https"
    headers["x-forwarded-port"] = "443"
    headers["x-forwarded-for"] = request.source_ip
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": headers,
    }
    if cookies is not None:
        event["cookies"] = [cookie.strip() for cookie in cookies.split(";")]
    if request.query:
        event["queryStringParameters"] = _merged(parse_qsl(request.query, keep_blank_values=True), lower=False)
    event["requestContext"] = _context(request, site, caller, headers.get("user-agent", ""))
    event.update(_body(request.body, headers.get("content-type", "")))
    return event


def read_response(payload: bytes) -> HttpResponse:
    """Return what a function's answer means as HTTP. Raises BadResponse when it means nothing.

    An answer without a `statusCode` is the body of a 200 itself.
    """
    try:
        answer = json.loads(payload)
    except ValueError:
        return HttpResponse(200, [("content-type", "application/octet-stream")], payload)
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return HttpResponse(200, [("content-type", "application/json")], payload)
    headers = _header_list(answer.get("headers"))
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("content-type", "application/json"))
    headers += [("set-cookie", str(cookie)) for cookie in answer.get("cookies") or []]
    return HttpResponse(_status(answer["statusCode"]), headers, _answered(answer))


def _context(request: HttpRequest, site: Site, caller: Mapping[str, Any] | None, agent: str) -> dict[str, Any]:
    now = time.time()
    moment = time.gmtime(now)
    context: dict[str, Any] = {
        "accountId": caller["accountId"] if caller else "anonymous",
        "apiId": site.id,
        "domainName": site.domain,
        "domainPrefix": site.id,
        "http": {
            "method": request.method,
            "path": request.path,
            "protocol": "HTTP/1.1",
            "sourceIp": request.source_ip,
            "userAgent": agent,
        },
        "requestId": str(uuid.uuid4()),
        "routeKey": "$default",
        "stage": "$default",
        # Not strftime: the months are English in every locale.
        "time": f"{moment[2]:02}/{_MONTHS[moment[1] - 1]}/{moment[0]}:{moment[3]:02}:{moment[4]:02}:{moment[5]:02} +0000",
        "timeEpoch": int(now * 1000),
    }
    if caller:
        context["authorizer"] = {"iam": dict(caller)}
    return context


def _merged(pairs: Sequence[tuple[str, str]], lower: bool = True) -> dict[str, str]:
    """Join the values of a name that comes more than once with commas."""
    merged: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower() if lower else name
        separator = "; " if key == "cookie" and lower else ","
        merged[key] = f"{merged[key]}{separator}{value}" if key in merged else value
    return merged


def _body(body: bytes, content_type: str) -> dict[str, Any]:
    """Text goes as it is, anything else as base64."""
    if not body:
        return {"isBase64Encoded": False}
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("text/") or kind in _TEXT_TYPES or kind.endswith(("+json", "+xml")):
        try:
            return {"body": body.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            pass
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def _status(value: Any) -> int:
    try:
        status = int(value)
    except (TypeError, ValueError):
        raise BadResponse(f"statusCode is not a number: {value!r}") from None
    if not 200 <= status <= 599:
        raise BadResponse(f"statusCode is out of range: {status}")
    return status


def _header_list(headers: Any) -> list[tuple[str, str]]:
    if headers is None:
        return []
    if not isinstance(headers, dict):
        raise BadResponse("headers is not an object")
    found = [(str(name), _text(value)) for name, value in headers.items() if value is not None]
    if any("\n" in name + value or "\r" in name + value for name, value in found):
        raise BadResponse("a header has a line break in it")
    return found


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _answered(answer: Mapping[str, Any]) -> bytes:
    body = answer.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        body = json.dumps(body)
    if not answer.get("isBase64Encoded"):
        return bytes(body.encode())
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        raise BadResponse("body is not base64, although isBase64Encoded says so") from None
