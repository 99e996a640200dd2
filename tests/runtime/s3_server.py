"""An S3 that has one kind of bad luck after another: a small HTTP server that gives ranges of objects, and what a test tells it to."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass
class Asked:
    """A request as it came."""

    path: str
    query: str
    headers: dict[str, str]
    start: int
    end: int


@dataclass
class Faults:
    """What goes wrong: `refusals` are answered to the first requests, `cuts` are after how many bytes the next connections end."""

    refusals: deque[tuple[int, str]] = field(default_factory=deque)
    cuts: deque[int] = field(default_factory=deque)
    always: tuple[int, str] | None = None
    bytes_per_second: float = 0.0
    stall_after: int | None = None
    on_request: Callable[[Asked], None] | None = None
    ignores_range: bool = False


class S3:
    """The objects, by "bucket/key", the requests that came, and the faults to come."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.asked: list[Asked] = []
        self.faults = Faults()
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.endpoint = ""

    def etag(self, path: str) -> str:
        return f'"{hashlib.md5(self.objects[path]).hexdigest()}"'

    def put(self, path: str, content: bytes) -> str:
        self.objects[path] = content
        return self.etag(path)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    s3: S3

    def do_GET(self) -> None:
        found = urlsplit(self.path)
        path = unquote(found.path).lstrip("/")
        asked = self._understood(path, found.query)
        faults = self.s3.faults
        with self.s3.lock:
            self.s3.asked.append(asked)
            refusal = faults.always or (faults.refusals.popleft() if faults.refusals else None)
            cut = faults.cuts.popleft() if faults.cuts and refusal is None else None
        if faults.on_request:
            faults.on_request(asked)
        content = self.s3.objects.get(path)
        if refusal is None and content is None:
            refusal = (404, "NoSuchKey")
        if refusal is None and self.headers.get("If-Match", self.s3.etag(path)) != self.s3.etag(path):
            refusal = (412, "PreconditionFailed")
        if refusal is not None:
            return self._refuse(*refusal)
        assert content is not None
        return self._give(content, asked, cut)

    def _understood(self, path: str, query: str) -> Asked:
        start, _, end = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        last = int(end) if end else len(self.s3.objects.get(path, b"")) - 1
        return Asked(path, query, dict(self.headers.items()), int(start), last + 1)

    def _refuse(self, status: int, code: str) -> None:
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _give(self, content: bytes, asked: Asked, cut: int | None) -> None:
        part = content if self.s3.faults.ignores_range else content[asked.start : asked.end]
        self.send_response(200 if self.s3.faults.ignores_range else 206)
        self.send_header("Content-Length", str(len(part)))
        self.send_header("Content-Range", f"bytes {asked.start}-{asked.end - 1}/{len(content)}")
        self.end_headers()
        if cut is not None:
            self.wfile.write(part[:cut])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self._send(part)

    def _send(self, part: bytes) -> None:
        faults = self.s3.faults
        if faults.stall_after is not None:
            self.wfile.write(part[: faults.stall_after])
            self.wfile.flush()
            self.s3.stopping.wait(30)
            return
        if not faults.bytes_per_second:
            self.wfile.write(part)
            return
        step = 1 << 16
        for at in range(0, len(part), step):
            self.wfile.write(part[at : at + step])
            time.sleep(step / faults.bytes_per_second)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # a full queue costs a second

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away in the middle are what is tested."""


@contextmanager
def running() -> Iterator[S3]:
    """Run it for the block, on a free port of loopback."""
    s3 = S3()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"s3": s3}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    s3.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield s3
    finally:
        s3.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
