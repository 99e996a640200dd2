"""The local Lambda: functions that moto knows of, run for real. `Functions` is all that the rest of the local AWS sees.

Invoke calls, Function URLs, asynchronous invokes and queue pollers all end in `Engine.run`. Functions, versions, aliases and
mappings stay moto's; this reads them and hooks in where moto would run code itself.
"""

from __future__ import annotations

from pathlib import Path

from slsdeploy.effects.shell import SystemShell
from slsdeploy.local.functions import registry
from slsdeploy.local.functions.engine import Engine, Workshop, new_request
from slsdeploy.local.functions.logs import LogWriter
from slsdeploy.local.functions.urls import FunctionUrls
from slsdeploy.local.functions.values import EVENT_BYTES, REQUEST_BYTES, InvokeCall, InvokeResult, Refused

__all__ = ["Functions", "InvokeCall", "InvokeResult"]


class Functions:
    """The data plane of the local Lambda. Thread-safe."""

    def __init__(self, *, endpoint: str, state: Path, cache: Path) -> None:
        state.mkdir(parents=True, exist_ok=True)
        self._workshop = Workshop(endpoint, state, cache, SystemShell())
        self._engine = Engine(self._workshop, LogWriter())
        self._urls = FunctionUrls(self._engine)

    def start(self) -> None:
        """Be ready for calls."""
        self._engine.start()

    def stop(self) -> None:
        """End every process that was started."""
        if self._engine.is_running:
            self._engine.call(self._urls.close_all())
        self._engine.stop()

    def open_url(self, region: str, function: str, qualifier: str | None, auth_type: str) -> str:
        """Return the URL of a function ("http://127.0.0.1:PORT/"), opening it the first time."""
        return self._engine.call(self._urls.open((region, function, qualifier or None), auth_type))

    def close_url(self, region: str, function: str, qualifier: str | None) -> None:
        """Close it."""
        self._engine.call(self._urls.close((region, function, qualifier or None)))

    def invoke(self, call: InvokeCall) -> InvokeResult:
        """Answer the Invoke API; waits for the function unless the invocation type is Event."""
        try:
            return self._engine.call(self._invoke(call))
        except Refused as refused:
            return refused.result()

    async def _invoke(self, call: InvokeCall) -> InvokeResult:
        _, inner = registry.split_name(call.function)
        qualifier = inner or call.qualifier
        spec = self._engine.spec(call.region, call.function, qualifier)
        payload = call.payload or b"{}"
        limit = EVENT_BYTES if call.invocation_type == "Event" else REQUEST_BYTES
        if len(payload) > limit:
            text = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
            raise Refused(413, "RequestTooLargeException", text)
        request = new_request(spec, payload, qualifier, wants_tail=call.log_type == "Tail")
        outcome = await self._engine.run(spec, request)
        return InvokeResult(200, outcome.payload, outcome.error or None, outcome.tail, spec.version, None, request.id)
