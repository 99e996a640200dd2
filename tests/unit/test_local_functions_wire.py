"""The Runtime API's HTTP: whatever way a client sends a request, it is read once and whole."""

from __future__ import annotations

import asyncio

import pytest

from slsdeploy.local.functions.wire import Connection, Message


class Transport(asyncio.Transport):
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed


def exchange(*pieces: bytes, limit: int = 100, reply: bool = True) -> tuple[list[Message], Transport]:
    """Feed pieces to a connection that answers 202 to everything."""
    messages: list[Message] = []

    def answer(message: Message, connection: Connection) -> None:
        messages.append(message)
        if reply:
            connection.reply(202, {"X": "1"}, b"ok")

    async def run() -> Transport:
        transport = Transport()
        connection = Connection(answer, limit)
        connection.connection_made(transport)
        for piece in pieces:
            connection.data_received(piece)
            await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)
        return transport

    return messages, asyncio.run(run())


POST = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nX-Name:  value \r\n\r\nhello"


def test_a_request_in_one_piece_or_byte_by_byte() -> None:
    for pieces in ([POST], [bytes([byte]) for byte in POST]):
        (message,), transport = exchange(*pieces)
        assert (message.method, message.path, message.body) == ("POST", "/a", b"hello")
        assert message.headers["x-name"] == "value"
        assert transport.written == b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nX: 1\r\n\r\nok"


CHUNKED = b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nwiki\r\n6\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\n\r\n"


def test_a_chunked_body_in_one_piece_or_byte_by_byte() -> None:
    for pieces in ([CHUNKED], [bytes([byte]) for byte in CHUNKED]):
        (message,), _ = exchange(*pieces)
        assert message.body == b"wikipedia in \r\n\r\nchunks."


def test_requests_that_come_together_are_answered_one_after_the_other() -> None:
    messages, transport = exchange(POST + CHUNKED + POST)
    assert [message.body for message in messages] == [b"hello", b"wikipedia in \r\n\r\nchunks.", b"hello"]
    assert transport.written.count(b"HTTP/1.1 202") == 3


def test_the_next_request_waits_for_the_answer() -> None:
    messages, transport = exchange(POST + POST, reply=False)
    assert len(messages) == 1 and not transport.written


@pytest.mark.parametrize("request_", [POST, CHUNKED], ids=["length", "chunked"])
def test_a_body_over_the_limit_is_read_but_not_kept(request_: bytes) -> None:
    messages, _ = exchange(request_ + POST, limit=4)
    assert [message.body for message in messages] == [None, None]


def test_a_client_that_asks_first_is_told_to_go_on() -> None:
    head, body = POST.replace(b"Host: x", b"Expect: 100-continue").split(b"\r\n\r\n")
    (message,), transport = exchange(head + b"\r\n\r\n", body)
    assert message.body == b"hello"
    assert transport.written.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202")


def test_a_header_of_a_megabyte_is_taken() -> None:
    (message,), _ = exchange(b"GET / HTTP/1.1\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n")
    assert len(message.headers["x"]) == 1_000_000


@pytest.mark.parametrize(
    "junk",
    [
        b"hello\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_not_http_ends_the_connection(junk: bytes) -> None:
    messages, transport = exchange(junk)
    assert not messages
    assert transport.written.startswith(b"HTTP/1.1 400") and transport.is_closed
