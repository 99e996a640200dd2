"""What a Function URL with CORS settings does by itself: it answers preflights, and adds headers to the function's answers. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-cors: preflights never reach the function; in other answers
headers of the function's own stay beside these, also where that makes two of a kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slsdeploy.local.functions.url_event import HttpRequest, HttpResponse

Headers = list[tuple[str, str]]


def preflight(request: HttpRequest, cors: Mapping[str, Any]) -> HttpResponse | None:
    """Return the answer to a preflight, None when it is none; headers are missing where the settings do not allow what is asked."""
    asked = {name.lower(): value for name, value in request.headers}
    if request.method != "OPTIONS" or "origin" not in asked or "access-control-request-method" not in asked:
        return None
    headers = _origin(asked["origin"], cors)
    if headers:
        headers += _list("Access-Control-Allow-Methods", cors.get("AllowMethods"))
        headers += _list("Access-Control-Allow-Headers", cors.get("AllowHeaders"))
        if cors.get("MaxAge"):
            headers.append(("Access-Control-Max-Age", str(cors["MaxAge"])))
    return HttpResponse(200, headers, b"")


def added(request: HttpRequest, cors: Mapping[str, Any]) -> Headers:
    """Return the headers that go beside the function's own."""
    origin = next((value for name, value in request.headers if name.lower() == "origin"), None)
    headers = [] if origin is None else _origin(origin, cors)
    return [*headers, *_list("Access-Control-Expose-Headers", cors.get("ExposeHeaders"))] if headers else []


def _origin(origin: str, cors: Mapping[str, Any]) -> Headers:
    allowed = cors.get("AllowOrigins") or []
    if "*" not in allowed and origin not in allowed:
        return []
    headers = [("Access-Control-Allow-Origin", "*" if "*" in allowed else origin), ("Vary", "Origin")]
    if cors.get("AllowCredentials"):
        headers.append(("Access-Control-Allow-Credentials", "true"))
    return headers


def _list(name: str, values: Sequence[str] | None) -> Headers:
    return [(name, ",".join(values))] if values else []
