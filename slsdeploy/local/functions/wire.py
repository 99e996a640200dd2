"""HTTP/1.1 as far as the Runtime API needs it: one connection of a runtime client, request by request, each answered in turn.

Not aiohttp: a request costs a third here, and error reports come with headers of up to a megabyte, which that refuses
(`Lambda-Runtime-Function-XRay-Error-Cause`). Bodies with a length and chunked ones, `Expect: 100-continue`, kept connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

_HEAD_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Message:
    """A request: header names in lower case; `body` is None when it was larger than the limit."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None


class Malformed(ValueError):
    """What came is not HTTP."""


class Connection(asyncio.Protocol):
    """One connection: hands each request to `answer`, which calls `reply` now or later."""

    def __init__(self, answer: Callable[[Message, Connection], None], limit: int) -> None:
        self._answer = answer
        self._limit = limit
        self._buffer = bytearray()
        self._request: tuple[str, str, dict[str, str]] | None = None
        self._body: _Body | None = None
        self._is_answering = False
        self._transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            self._advance()
        except Malformed as error:
            self.reply(400, {}, str(error).encode())
            self.close()

    def reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Answer the request at hand, and go on with the next if it is there already."""
        if self._transport is None:
            return
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self._is_answering = False
        if self._buffer:
            asyncio.get_running_loop().call_soon(self.data_received, b"")

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()

    def _advance(self) -> None:
        if self._is_answering or (self._request is None and not self._read_head()):
            return
        assert self._request is not None and self._body is not None
        if self._body.feed(self._buffer):
            request, body = self._request, self._body.content()
            self._request = self._body = None
            self._is_answering = True
            self._answer(Message(*request, body), self)

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _HEAD_BYTES:
                raise Malformed("the header is too large")
            return False
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        words = first.split(" ")
        if len(words) != 3:
            raise Malformed("the request line is no request line")
        pairs = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        self._request = (words[0], words[1], headers)
        self._body = _body_of(headers, self._limit)
        if headers.get("expect", "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True


class _Body:
    """A body of known length. Only its first `limit` bytes are kept."""

    def __init__(self, length: int, limit: int) -> None:
        self._left = length
        self._limit = limit
        self._size = 0
        self._parts: list[bytes] = []

    def feed(self, buffer: bytearray) -> bool:
        """Take what belongs to the body out of the buffer; return whether that was all."""
        self._take(buffer)
        return self._left == 0

    def content(self) -> bytes | None:
        return b"".join(self._parts) if self._size <= self._limit else None

    def _take(self, buffer: bytearray) -> None:
        if self._left:
            part = bytes(buffer[: self._left])
            del buffer[: self._left]
            self._left -= len(part)
            self._size += len(part)
            if self._size <= self._limit:
                self._parts.append(part)


class _ChunkedBody(_Body):
    """A body in chunks, each with its length before it and a line break behind it."""

    def __init__(self, limit: int) -> None:
        super().__init__(0, limit)
        self._is_inside = False

    def feed(self, buffer: bytearray) -> bool:
        while True:
            if self._is_inside:
                self._take(buffer)
                if self._left or len(buffer) < 2:
                    return False
                del buffer[:2]
                self._is_inside = False
            end = buffer.find(b"\r\n")
            if end < 0:
                return False
            size = _chunk_size(bytes(buffer[:end]))
            if size == 0:
                # Trailers, if any, end with an empty line as the header does.
                stop = buffer.find(b"\r\n\r\n", end)
                if stop < 0:
                    return False
                del buffer[: stop + 4]
                return True
            del buffer[: end + 2]
            self._left, self._is_inside = size, True


def _body_of(headers: Mapping[str, str], limit: int) -> _Body:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return _ChunkedBody(limit)
    length = headers.get("content-length", "0")
    if not length.isdigit():
        raise Malformed("Content-Length is not a number")
    return _Body(int(length), limit)


def _chunk_size(line: bytes) -> int:
    try:
        return int(line.split(b";")[0], 16)
    except ValueError:
        raise Malformed("a chunk has no length") from None
