"""A function in this process behind a real socket: requests become a Function URL's events, as the local AWS makes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from slsdeploy.local.functions.url_event import HttpRequest, Site, make_event, read_response


@contextmanager
def listening(function: Any) -> Iterator[str]:
    """Serve a function (see `conftest.Function`) on a free port of loopback; return its URL."""

    one_at_a_time = Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # headers and body in one packet

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            path, _, query = self.path.partition("?")
            asked = HttpRequest(self.command, path, query, list(self.headers.items()), body, "127.0.0.1")
            event = json.loads(json.dumps(make_event(asked, Site("local", "us-east-1", 0), None)))
            with one_at_a_time:  # as an execution environment has them
                reply = read_response(json.dumps(function(event), ensure_ascii=False).encode())
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):  # whatever the method
                return self.answer
            raise AttributeError(name)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
