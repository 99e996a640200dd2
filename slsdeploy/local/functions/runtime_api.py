"""Lambda's Runtime API for one environment: a loopback port that any Lambda runtime client can speak to.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html (version 2018-06-01). It hands out one request at a time and
takes its answer; when the time is up, and what an answer means for the process, is not known here.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

from slsdeploy.local.access import is_from_browser
from slsdeploy.local.functions.snapshots import CREDENTIALS, Credentials
from slsdeploy.local.functions.values import RESPONSE_BYTES, Outcome, Request, failure
from slsdeploy.local.functions.wire import Connection, Message

_ROOT = "/2018-06-01/runtime/"
_NEXT = _ROOT + "invocation/next"
_RESTORE_NEXT = _ROOT + "restore/next"
_RESTORE_ERROR = _ROOT + "restore/error"
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
    """One environment's Runtime API. `ready` is done at the first `next`, or holds the outcome of a failed start.

    With `credentials` the environment is one that starts from a snapshot: it asks for them here, and for `restore/next` when it may
    be taken; `initialised` is done then (otherwise with `ready`), and `restore` lets it go on.
    """

    def __init__(self, credentials: Credentials | None = None) -> None:
        loop = asyncio.get_running_loop()
        self.initialised: asyncio.Future[Outcome | None] = loop.create_future()
        self.ready: asyncio.Future[Outcome | None] = loop.create_future()
        self._credentials = credentials
        self._restoring: Connection | None = None
        self.address = ""
        self._listener: asyncio.Server | None = None
        self._connections: list[Connection] = []
        self._waiting: Connection | None = None
        self._pending: _Handed | None = None
        self._current: _Handed | None = None

    @property
    def is_idle(self) -> bool:
        """Whether the client waits for a request."""
        return self._waiting is not None and self._waiting.is_open

    async def open(self) -> None:
        """Listen on a free loopback port."""
        self._listener = await asyncio.get_running_loop().create_server(self._connect, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Stop listening; a client that waits for `next` is cut off."""
        if self._listener is not None:
            self._listener.close()
        for connection in self._connections:
            connection.close()

    def restore(self) -> None:
        """Let the client run its hooks of after the restore; nothing when it asked for no such thing."""
        if self._restoring is not None:
            connection, self._restoring = self._restoring, None
            connection.reply(200, _JSON, b"{}")

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
        self._pending = handed
        if self._waiting is not None and self._waiting.is_open:
            self._give(self._waiting)
        return handed.outcome

    def end(self, outcome: Outcome) -> None:
        """The process is gone: whatever waits for it gets this."""
        self._begun(outcome)
        if self._current is not None:
            _finish(self._current, outcome)
        if self._pending is not None:
            _finish(self._pending, failure(NOT_TAKEN, "the process ended before it asked for the request"))

    def _connect(self) -> Connection:
        self._connections = [one for one in self._connections if one.is_open]
        connection = Connection(self._handle, RESPONSE_BYTES)
        self._connections.append(connection)
        return connection

    def _handle(self, message: Message, connection: Connection) -> None:
        if is_from_browser(message.headers):
            _say(connection, 403, "Forbidden", "the Runtime API is for the function, not for web pages")
            return
        if message.path == _NEXT and message.method == "GET":
            self._next(connection)
            return
        if self._credentials is not None and self._is_of_snapshot(message, connection, self._credentials):
            return
        parts = message.path.removeprefix(_ROOT).split("/")
        if message.method == "POST" and parts == ["init", "error"]:
            self._failed(message, connection, may=not self.initialised.done())
        elif message.method == "POST" and len(parts) == 3 and parts[0] == "invocation":
            self._answered(message, connection, parts[1], parts[2])
        else:
            _say(connection, 404, "InvalidPath", f"{message.method} {message.path}")

    def _is_of_snapshot(self, message: Message, connection: Connection, credentials: Credentials) -> bool:
        """Answer what only an environment that starts from a snapshot asks; say whether it was such a thing."""
        asked = (message.method, message.path)
        if asked == ("GET", CREDENTIALS):
            credentials.answer(message, connection)
        elif asked == ("GET", _RESTORE_NEXT):
            self._restoring = connection
            if not self.initialised.done():
                self.initialised.set_result(None)
        elif asked == ("POST", _RESTORE_ERROR):
            self._failed(message, connection, may=self.initialised.done() and not self.ready.done())
        else:
            return False
        return True

    def _begun(self, outcome: Outcome | None) -> None:
        for phase in (self.initialised, self.ready):
            if not phase.done():
                phase.set_result(outcome)

    def _next(self, connection: Connection) -> None:
        self._begun(None)
        self._waiting = connection
        # A client that asks again without having answered gets the same request again.
        if self._current is not None or self._pending is not None:
            self._give(connection)

    def _give(self, connection: Connection) -> None:
        if self._current is None:
            self._current, self._pending = self._pending, None
        assert self._current is not None
        self._waiting = None
        connection.reply(200, self._current.headers, self._current.request.payload)

    def _answered(self, message: Message, connection: Connection, request_id: str, what: str) -> None:
        current = self._current
        if current is None or current.request.id != request_id:
            _say(connection, 400, "InvalidRequestID", "Invalid request ID")
        elif what == "error":
            self._current = None
            _finish(current, _reported(message))
            _accept(connection)
        elif what != "response":
            _say(connection, 404, "InvalidPath", message.path)
        elif message.body is None:
            self._current = None
            _finish(current, failure("Function.ResponseSizeTooLarge", _TOO_LARGE))
            _say(connection, 413, "RequestEntityTooLarge", _TOO_LARGE)
        else:
            self._current = None
            _finish(current, Outcome(message.body))
            _accept(connection)

    def _failed(self, message: Message, connection: Connection, may: bool) -> None:
        if not may:
            _say(connection, 403, "InvalidStateTransition", "the runtime is in another phase")
            return
        self._begun(_reported(message))
        _accept(connection)


def _finish(handed: _Handed, outcome: Outcome) -> None:
    if not handed.outcome.done():
        handed.outcome.set_result(outcome)


def _reported(message: Message) -> Outcome:
    kind = message.headers.get("lambda-runtime-function-error-type") or "Runtime.Unknown"
    return Outcome(message.body or b"{}", "Unhandled", kind)


def _accept(connection: Connection) -> None:
    connection.reply(202, _JSON, b'{"status":"OK"}')


def _say(connection: Connection, status: int, kind: str, message: str) -> None:
    connection.reply(status, _JSON, json.dumps({"errorMessage": message, "errorType": kind}).encode())
