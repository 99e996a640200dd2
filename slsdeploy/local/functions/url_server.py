"""Function URLs, the half with sockets: a loopback port for each, from an HTTP request to the function and back.

The path of one request holds nothing that could be done once: no moto, no routes, no log being written.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

from slsdeploy.local.functions import cors
from slsdeploy.local.functions.engine import Engine, new_request
from slsdeploy.local.functions.sigv4 import Unsigned, caller_of
from slsdeploy.local.functions.url_event import BadResponse, HttpRequest, HttpResponse, Site, make_event, read_response
from slsdeploy.local.functions.values import REQUEST_BYTES, Refused

Place = tuple[str, str, str | None]
_HOP = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive", "upgrade", "date", "server"})


class FunctionUrl:
    """One function's URL: open until it is closed."""

    def __init__(self, engine: Engine, place: Place, auth_type: str) -> None:
        self.auth_type = auth_type
        self.cors: Mapping[str, Any] = {}
        self.url = ""
        self._engine = engine
        self._place = place
        self._server = web.Server(self._handle, access_log=None)
        self._listener: asyncio.Server | None = None
        self._site = Site("", place[0], 0)

    async def open(self) -> None:
        """Listen on a free loopback port."""
        self._listener = await asyncio.get_running_loop().create_server(self._server, "127.0.0.1", 0)
        port = self._listener.sockets[0].getsockname()[1]
        self._site = Site(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(map(str, self._place))).hex, self._place[0], port)
        self.url = f"http://127.0.0.1:{port}/"

    async def close(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            self._listener.close()
        await self._server.shutdown(1)

    async def _handle(self, message: web.BaseRequest) -> web.StreamResponse:
        body = await _body(message)
        if body is None:
            return _answer(_said(413, "Request Entity Too Large"), message.method)
        target = message.raw_path
        path, _, query = target.partition("?")
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message.raw_headers]
        request = HttpRequest(message.method, path, query, headers, body, message.remote or "127.0.0.1")
        if not self.cors:
            return _answer(await self._respond(request), message.method)
        response = cors.preflight(request, self.cors) or await self._respond(request)
        if request.method != "OPTIONS":
            response = replace(response, headers=[*response.headers, *cors.added(request, self.cors)])
        return _answer(response, message.method)

    async def _respond(self, request: HttpRequest) -> HttpResponse:
        region, function, qualifier = self._place
        try:
            caller = caller_of(request, region) if self.auth_type == "AWS_IAM" else None
            event = make_event(request, self._site, caller)
            payload = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
            if len(payload) > REQUEST_BYTES:
                return _said(413, "Request Entity Too Large")
            spec = self._engine.spec(region, function, qualifier)
            outcome = await self._engine.run(spec, new_request(spec, payload, qualifier))
        except Unsigned as unsigned:
            return _forbidden(str(unsigned))
        except Refused as refused:
            return _said(refused.status_code, refused.message)
        if outcome.error:
            return _said(502, "Internal Server Error")
        try:
            return read_response(outcome.payload)
        except BadResponse:
            return _said(502, "Internal Server Error")


async def _body(message: web.BaseRequest) -> bytes | None:
    """Return the whole body, None when it is too large; then the rest is not kept."""
    if (message.content_length or 0) > REQUEST_BYTES:
        return None
    chunks: list[bytes] = []
    size = 0
    async for chunk in message.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > REQUEST_BYTES:
            return None
    return b"".join(chunks)


def _answer(response: HttpResponse, method: str) -> web.Response:
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in response.headers:
        if name.lower() not in _HOP:
            headers.add(name, value)
    headers["x-amzn-RequestId"] = str(uuid.uuid4())
    if response.status in (204, 304) or method == "HEAD":
        return web.Response(status=response.status, headers=headers)
    return web.Response(status=response.status, headers=headers, body=response.body)


def _said(status: int, text: str) -> HttpResponse:
    return HttpResponse(status, [("content-type", "application/json")], json.dumps({"Message": text}).encode())


def _forbidden(text: str) -> HttpResponse:
    kind = "AccessDeniedException" if text == "Forbidden" else "InvalidSignatureException"
    body = json.dumps({"Message" if text == "Forbidden" else "message": text}).encode()
    return HttpResponse(403, [("content-type", "application/json"), ("x-amzn-ErrorType", kind)], body)
