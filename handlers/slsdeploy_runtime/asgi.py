"""A project's own ASGI application (FastAPI, Starlette) instead of our routes: HTTP events through Mangum to it, and its answers back.

Its start-up runs once, while the environment initialises, in the event loop that serves its requests; what it leaves in `state` goes to
each of them. Mangum would run it at every event (lifespan "auto": 132 us, "off": 21 us). Its shutdown runs when Lambda ends the
environment with SIGTERM, which it does for functions with an external extension:
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from threading import current_thread, main_thread
from types import FrameType
from typing import Any

from mangum import Mangum

from slsdeploy_runtime import http_body, http_event
from slsdeploy_runtime.request import BadEvent, BadInput, read_event
from slsdeploy_runtime.service import Service
from slsdeploy_runtime.user import HandlerError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_TEXT_BYTES = 6  # what a character is at most in an answer: \u0000
SHUTDOWN_SECONDS = 1.0  # Lambda waits for less: 300 ms, or 500 for an internal extension
_VERSIONS = {"version": "3.0", "spec_version": "2.0"}


class Application:
    """An application that is started and answers events until it is stopped. Raises HandlerError when its start-up fails."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._state: dict[str, Any] = {}
        self._failed = self._root = ""
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        self._started, self._ending = asyncio.Event(), asyncio.Event()
        self._asked_to_start = self._is_asked = self._is_before_path = False
        self._lifespan = self._loop.create_task(self._live())
        self._loop.run_until_complete(self._started.wait())
        if self._failed:
            self.stop()
            raise HandlerError(f"the application's start-up failed: {self._failed}")
        self._mangum = Mangum(self._with_state, lifespan="off")

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        """Answer one HTTP event. Raises BadEvent for one that did not get as far as to the application."""
        self._is_asked = False
        try:
            self._root, path = http_event.place(event)
            self._is_before_path = event.get("path") != path
            answer: dict[str, Any] = self._mangum(event, context)
        except Exception as error:
            if self._is_asked:
                raise
            raise BadEvent(f"this is no event of HTTP as AWS sends them: {type(error).__name__}: {error}") from error
        return answer

    def stop(self) -> None:
        """Run the application's shutdown, and end the loop; nothing while it is in the middle of a request."""
        if self._loop.is_running() or self._loop.is_closed():
            return
        self._ending.set()
        with suppress(Exception):  # whatever comes of it: the environment ends
            self._loop.run_until_complete(asyncio.wait_for(self._lifespan, SHUTDOWN_SECONDS))
        self._loop.close()

    async def _with_state(self, scope: Message, receive: Receive, send: Send) -> None:
        self._is_asked = True
        scope["state"] = self._state.copy()
        if self._root:  # which the path begins with: https://asgi.readthedocs.io/en/latest/specs/www.html
            scope["root_path"] = self._root
            if not self._is_before_path:  # a REST API takes it away
                scope["path"] = self._root + scope["path"]
        await self._app(scope, receive, send)

    async def _live(self) -> None:
        """Run the lifespan protocol: https://asgi.readthedocs.io/en/latest/specs/lifespan.html."""
        try:
            await self._app({"type": "lifespan", "asgi": _VERSIONS, "state": self._state}, self._receive, self._send)
        except Exception:  # an application that does not know of it may raise, and is served all the same
            return
        except SystemExit as error:
            self._failed = f"it called sys.exit({error.code!r})"
        finally:
            self._started.set()

    async def _receive(self) -> Message:
        if not self._asked_to_start:
            self._asked_to_start = True
            return {"type": "lifespan.startup"}
        await self._ending.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "lifespan.startup.failed":
            lines = str(message.get("message") or "it does not say why").strip().splitlines()
            self._failed = lines[-1] if lines else "it does not say why"
        self._started.set()


class _Running:
    application: Application | None = None
    service: Service | None = None


def start(service: Service) -> None:
    """Start the project's application, once; end it with the environment."""
    if _Running.application is not None and _Running.service is service:
        return  # another trigger's way to it
    _Running.service = service  # start-up code may ask our routes too
    application = _Running.application = Application(service.handler.app)
    if current_thread() is main_thread():
        signal.signal(signal.SIGTERM, lambda number, frame: _end(application, number, frame))


def _end(application: Application, number: int, frame: FrameType | None) -> None:
    application.stop()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def stop() -> None:
    """End what was started; for a process that serves one bundle after another."""
    if _Running.application is not None:
        _Running.application.stop()
    _Running.application = None


def service() -> Service:
    """Return the service of this environment, for whoever mounts our own routes. Raises HandlerError."""
    if _Running.service is None:
        raise HandlerError("asgi_app() answers inside of a function only")
    return _Running.service


def handle(event: Any, context: Any, service: Service) -> dict[str, Any]:
    """Answer one event with the application's answer; a request id and, on a cold start, its length go beside its headers."""
    assert _Running.application is not None, "started by events/http.py"
    telemetry = service.telemetry
    try:
        telemetry.asked(read_event("HTTP", _request_id, event))
        answer = _Running.application(event, context)
        if answer["statusCode"] >= 500:
            telemetry.unanswered()
        most = http_event.most(event)
        if len(answer["body"]) > most // _TEXT_BYTES:
            from slsdeploy_runtime import large_http

            answer = large_http.of_application(service, answer, most, "the application")
    except Exception as error:
        return _failed(error, event, service)
    told = {"x-request-id": telemetry.caller_id}
    if telemetry.cold_start_ms is not None:
        told["server-timing"] = f"init;dur={telemetry.cold_start_ms:.1f}"
    if "headers" in answer:
        answer["headers"] = {**told, **answer["headers"]}
    else:  # a load balancer that wants every header as a list
        many = answer["multiValueHeaders"]
        answer["multiValueHeaders"] = {**{name: [value] for name, value in told.items()}, **many}
    return answer


def _request_id(event: Mapping[str, Any]) -> str:
    given = event.get("headers") or {}
    return http_body.request_id(next((given[name] for name in given if name.lower() == "x-request-id"), ""))


def _failed(error: Exception, event: Mapping[str, Any], service: Service) -> dict[str, Any]:
    """Answer what the application did not: an event that is none, or an answer of its that cannot be one."""
    from slsdeploy_runtime import routes

    if isinstance(error, BadEvent):
        return http_event.write(event, routes.bad_input(service, BadInput(str(error)), "the event"))
    return http_event.write(event, routes.failed(service, error, "the application's answer"))
