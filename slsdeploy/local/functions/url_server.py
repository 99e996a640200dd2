"""Function URLs, the half with sockets: a loopback port for each, from an HTTP request to the function and back.

The path of one request holds nothing that could be done once: no moto, no routes, no log being written.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from slsdeploy.local.functions import cors
from slsdeploy.local.functions.engine import Engine, new_request
from slsdeploy.local.functions.http_port import HttpPort, said
from slsdeploy.local.functions.sigv4 import Unsigned, caller_of
from slsdeploy.local.functions.url_event import BadResponse, HttpRequest, HttpResponse, Site, make_event, read_response
from slsdeploy.local.functions.values import REQUEST_BYTES, Refused

Place = tuple[str, str, str | None]


class FunctionUrl:
    """One function's URL: open until it is closed."""

    def __init__(self, engine: Engine, place: Place, auth_type: str) -> None:
        self.auth_type = auth_type
        self.cors: Mapping[str, Any] = {}
        self.url = ""
        self._engine = engine
        self._place = place
        self._port = HttpPort(self._answer)
        self._site = Site("", place[0], 0)

    async def open(self) -> None:
        """Listen on a free loopback port."""
        port = await self._port.open()
        self._site = Site(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(map(str, self._place))).hex, self._place[0], port)
        self.url = f"http://127.0.0.1:{port}/"

    async def close(self) -> None:
        """Stop listening."""
        await self._port.close()

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        if not self.cors:
            return await self._respond(request)
        response = cors.preflight(request, self.cors) or await self._respond(request)
        if request.method != "OPTIONS":
            response = replace(response, headers=[*response.headers, *cors.added(request, self.cors)])
        return response

    async def _respond(self, request: HttpRequest) -> HttpResponse:
        region, function, qualifier = self._place
        try:
            caller = caller_of(request, region) if self.auth_type == "AWS_IAM" else None
            event = make_event(request, self._site, caller)
            payload = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
            if len(payload) > REQUEST_BYTES:
                return said(413, "Request Entity Too Large")
            spec = self._engine.spec(region, function, qualifier)
            outcome = await self._engine.run(spec, new_request(spec, payload, qualifier))
        except Unsigned as unsigned:
            return _forbidden(str(unsigned))
        except Refused as refused:
            return said(refused.status_code, refused.message)
        if outcome.error:
            return said(502, "Internal Server Error")
        try:
            return read_response(outcome.payload)
        except BadResponse:
            return said(502, "Internal Server Error")


def _forbidden(text: str) -> HttpResponse:
    kind = "AccessDeniedException" if text == "Forbidden" else "InvalidSignatureException"
    body = json.dumps({"Message" if text == "Forbidden" else "message": text}).encode()
    return HttpResponse(403, [("content-type", "application/json"), ("x-amzn-ErrorType", kind)], body)
