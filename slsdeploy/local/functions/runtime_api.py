"""Lambda's Runtime API for one environment: a loopback port that any Lambda runtime client can speak to.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html (version 2018-06-01). It hands out one request at a time and
takes its answer; when the time is up, and what an answer means for the process, is not known here.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

from aiohttp import web

from slsdeploy.local.functions.values import RESPONSE_BYTES, Outcome, Request, failure

_ROOT = "/2018-06-01/runtime/"
_JSON = {"Content-Type": "application/json"}
# The process was gone before it took the request: another one can have it.
NOT_TAKEN = "Sandbox.NotTaken"
_TOO_LARGE = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_BYTES} bytes)."


@dataclass(slots=True)
class _Handed:
    """A request that waits for its answer."""

    request: Request
    headers: dict[str, str]
    outcome: asyncio.Future[Outcome]


class RuntimeApi:
    """One environment's Runtime API. `ready` is done at the first `next`, or holds the outcome of a failed start."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[Outcome | None] = loop.create_future()
        self.address = ""
        self._server = web.Server(self._handle)
        self._listener: asyncio.Server | None = None
        self._pending: asyncio.Future[_Handed] = loop.create_future()
        self._current: _Handed | None = None

    async def open(self) -> None:
        """Listen on a free loopback port."""
        self._listener = await asyncio.get_running_loop().create_server(self._server, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Stop listening; a client that waits for `next` is cut off."""
        self._pending.cancel()
        if self._listener is not None:
            self._listener.close()
        await self._server.shutdown(0)

    def hand(self, request: Request, deadline_ms: int) -> asyncio.Future[Outcome]:
        """Give the client its next request; the future is done when it has answered."""
        headers = {
            **_JSON,
            "Lambda-Runtime-Aws-Request-Id": request.id,
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": request.arn,
            "Lambda-Runtime-Trace-Id": request.trace_id,
        }
        if request.client_context:
            headers["Lambda-Runtime-Client-Context"] = request.client_context
        handed = _Handed(request, headers, asyncio.get_running_loop().create_future())
        self._pending.set_result(handed)
        return handed.outcome

    def end(self, outcome: Outcome) -> None:
        """The process is gone: whatever waits for it gets this."""
        if not self.ready.done():
            self.ready.set_result(outcome)
        if self._current is not None:
            _finish(self._current, outcome)
        if self._pending.done() and not self._pending.cancelled():
            _finish(self._pending.result(), failure(NOT_TAKEN, "the process ended before it asked for the request"))

    async def _handle(self, message: web.BaseRequest) -> web.StreamResponse:
        path = message.path
        if message.method == "GET" and path == _ROOT + "invocation/next":
            return await self._next()
        if message.method == "POST" and path == _ROOT + "init/error":
            return await self._init_error(message)
        parts = path.removeprefix(_ROOT).split("/")
        if message.method == "POST" and len(parts) == 3 and parts[0] == "invocation":
            if parts[2] == "response":
                return await self._response(message, parts[1])
            if parts[2] == "error":
                return await self._error(message, parts[1])
        return _say(404, "InvalidPath", f"{message.method} {path}")

    async def _next(self) -> web.StreamResponse:
        if not self.ready.done():
            self.ready.set_result(None)
        if self._current is None:
            self._current = await self._pending
            self._pending = asyncio.get_running_loop().create_future()
        # A client that asks again without having answered gets the same request again.
        current = self._current
        return web.Response(body=current.request.payload, headers=current.headers)

    async def _response(self, message: web.BaseRequest, request_id: str) -> web.StreamResponse:
        current = self._current
        if current is None or current.request.id != request_id:
            return _say(400, "InvalidRequestID", "Invalid request ID")
        content = await _body(message)
        self._current = None
        if content is None:
            _finish(current, failure("Function.ResponseSizeTooLarge", _TOO_LARGE))
            return _say(413, "RequestEntityTooLarge", _TOO_LARGE)
        trailer = message.headers.get("Lambda-Runtime-Function-Error-Type")
        _finish(current, Outcome(content, "Unhandled" if trailer else "", trailer or ""))
        return _ok()

    async def _error(self, message: web.BaseRequest, request_id: str) -> web.StreamResponse:
        current = self._current
        if current is None or current.request.id != request_id:
            return _say(400, "InvalidRequestID", "Invalid request ID")
        outcome = await _reported(message)
        self._current = None
        _finish(current, outcome)
        return _ok()

    async def _init_error(self, message: web.BaseRequest) -> web.StreamResponse:
        outcome = await _reported(message)
        if self.ready.done():
            return _say(403, "InvalidStateTransition", "the runtime is initialised already")
        self.ready.set_result(outcome)
        return _ok()


def _finish(handed: _Handed, outcome: Outcome) -> None:
    if not handed.outcome.done():
        handed.outcome.set_result(outcome)


async def _reported(message: web.BaseRequest) -> Outcome:
    content = await _body(message) or b"{}"
    kind = message.headers.get("Lambda-Runtime-Function-Error-Type") or "Runtime.Unknown"
    return Outcome(content, "Unhandled", kind)


async def _body(message: web.BaseRequest) -> bytes | None:
    """Return the whole body, or None when it is larger than an answer may be (the rest is read and dropped)."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in message.content.iter_any():
        size += len(chunk)
        if size <= RESPONSE_BYTES:
            chunks.append(chunk)
    return b"".join(chunks) if size <= RESPONSE_BYTES else None


def _ok() -> web.Response:
    return web.Response(status=202, body=b'{"status":"OK"}', headers=_JSON)


def _say(status: int, kind: str, message: str) -> web.Response:
    body = json.dumps({"errorMessage": message, "errorType": kind}).encode()
    return web.Response(status=status, body=body, headers=_JSON)
