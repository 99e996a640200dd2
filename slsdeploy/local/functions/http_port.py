"""A loopback port that speaks HTTP: requests in as values, answers out as values. Function URLs and APIs are what answers."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable

from aiohttp import web
from multidict import CIMultiDict

from slsdeploy.local.functions.url_event import HttpRequest, HttpResponse
from slsdeploy.local.functions.values import REQUEST_BYTES

_HOP = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive", "upgrade", "date", "server"})


class HttpPort:
    """One port: open until it is closed. `respond` is not asked about bodies that are larger than Lambda takes."""

    def __init__(self, respond: Callable[[HttpRequest], Awaitable[HttpResponse]]) -> None:
        self._respond = respond
        self._server = web.Server(self._handle, access_log=None, auto_decompress=False)
        self._listener: asyncio.Server | None = None

    async def open(self) -> int:
        """Listen on a free loopback port; return it."""
        self._listener = await asyncio.get_running_loop().create_server(self._server, "127.0.0.1", 0)
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            self._listener.close()
        await self._server.shutdown(1)

    async def _handle(self, message: web.BaseRequest) -> web.StreamResponse:
        body = await _body(message)
        if body is None:
            return _answer(said(413, "Request Entity Too Large"), message.method)
        path, _, query = message.raw_path.partition("?")
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message.raw_headers]
        request = HttpRequest(message.method, path, query, headers, body, message.remote or "127.0.0.1")
        return _answer(await self._respond(request), message.method)


def said(status: int, text: str, key: str = "Message") -> HttpResponse:
    """Return an answer of AWS's own."""
    return HttpResponse(status, [("content-type", "application/json")], json.dumps({key: text}).encode())


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
