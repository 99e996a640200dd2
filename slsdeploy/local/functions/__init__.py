"""The local Lambda: functions that moto knows of, run for real. `Functions` is all that the rest of the local AWS sees.

Invoke calls, Function URLs, APIs, asynchronous invokes, schedules and queue pollers all end in `Engine.run`. Functions, versions,
aliases, mappings and APIs stay moto's; this reads them and hooks in where moto would run code itself.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slsdeploy.effects.shell import SystemShell
from slsdeploy.local import lambda_names
from slsdeploy.local.functions import apis, metrics, registry, snapshots, urls
from slsdeploy.local.functions.asynchronous import Asynchronous, retry_seconds
from slsdeploy.local.functions.engine import Engine, Workshop, new_request
from slsdeploy.local.functions.hooks import Hooked, Hooks
from slsdeploy.local.functions.logs import GROUP_BYTES, STREAM_BYTES, STREAM_EVENTS, LogWriter
from slsdeploy.local.functions.pollers import Pollers
from slsdeploy.local.functions.pool import concurrency
from slsdeploy.local.functions.schedules import Schedules
from slsdeploy.local.functions.values import EVENT_BYTES, REQUEST_BYTES, InvokeCall, InvokeResult, Refused

__all__ = ["Functions", "InvokeCall", "InvokeResult"]
_SCHEDULES_SECONDS = 1.0

_STREAM_LIMITS = (
    "A stream's records are tried again after 0.1 to 5 seconds, and never expire; splitting or merging shards delivers them again.",
    "There is no Kafka broker: event source mappings of Kafka are recorded only.",
)


class Functions:
    """The data plane of the local Lambda. Thread-safe; one at a time in a process, since moto is hooked in place."""

    def __init__(self, *, endpoint: str, state: Path, cache: Path) -> None:
        state.mkdir(parents=True, exist_ok=True)
        self._workshop = Workshop(endpoint, state, cache, SystemShell())
        self._engine = Engine(self._workshop, LogWriter(metrics.put))
        self._urls = urls.FunctionUrls(self._engine)
        self._apis = apis.Apis(self._engine)
        self._pollers = Pollers(self._engine, self.invoke)
        self._asynchronous = Asynchronous(self._engine, self.invoke)
        self._schedules = Schedules(self.invoke)
        self._hooked: Hooked | None = None

    def start(self) -> None:
        """Be ready for calls."""
        self._engine.start()
        self._hooked = Hooked(Hooks(self.invoke, self._wake))
        self._engine.every(_SCHEDULES_SECONDS, self._look_at_schedules)
        self.changed()

    def preload(self) -> None:
        """Load what the first deployment will need and the start did not."""
        urls.preload()

    def stop(self) -> None:
        """End every process that was started. Again: nothing."""
        if self._hooked is not None:
            self._hooked.restore()
            self._hooked = None
        if self._engine.is_running:
            self._engine.call(self._urls.close_all())
            self._engine.call(self._apis.close_all())
        self._engine.stop()

    def invoke(self, call: InvokeCall) -> InvokeResult:
        """Answer the Invoke API; waits for the function unless the invocation type is Event."""
        try:
            return self._engine.call(self._invoke(call))
        except Refused as refused:
            return refused.result()

    def open_url(
        self, region: str, function: str, qualifier: str | None, auth_type: str, cors: Mapping[str, Any] | None = None
    ) -> str:
        """Return the URL of a function ("http://127.0.0.1:PORT/"), opening it the first time; its settings become these."""
        return self._engine.call(self._urls.open((region, function, qualifier or None), auth_type, cors or {}))

    def close_url(self, region: str, function: str, qualifier: str | None) -> None:
        """Close it."""
        self._engine.call(self._urls.close((region, function, qualifier or None)))

    def apis_changed(self) -> None:
        """Read the APIs of API Gateway anew: open those that there are, each on a port of its own."""
        self._engine.call(self._apis.reconcile())

    def localized(self, text: str) -> str:
        """Return a text with the addresses of APIs as they are here: "http://127.0.0.1:PORT"."""
        return self._apis.localized(text)

    def changed(self) -> None:
        """Read functions, aliases and mappings anew: retire what they were, poll what they are."""
        self._engine.call(self._reconcile())

    def describe(self) -> list[dict[str, object]]:
        """Say what there is of each function that runs or has a URL."""
        return self._engine.call(self._describe())

    def limits(self) -> list[str]:
        """Say what this host cannot enforce, and what is otherwise than on AWS: one sentence each."""
        delays = " and ".join(f"{seconds:g}" for seconds in retry_seconds())
        return [
            *self._workshop.limits(),
            f"A function has at most {concurrency()} environments at a time (SLSDEPLOY_LOCAL_CONCURRENCY).",
            f"Asynchronous invokes are tried again after {delays} seconds, not minutes (SLSDEPLOY_LOCAL_RETRY_SECONDS).",
            *_STREAM_LIMITS,
            apis.LIMIT,
            snapshots.LIMIT,
            f"A log stream keeps its newest {STREAM_EVENTS:,} events, {STREAM_BYTES >> 20} MB at most; a log group {GROUP_BYTES >> 20} MB.",
            "Signatures to IAM function URLs and APIs are verified for the local access keys, and only looked at for others.",
            "IAM function URLs and APIs take a signature in the Authorization header only: a presigned request gets 403.",
        ]

    async def _invoke(self, call: InvokeCall) -> InvokeResult:
        _, qualifier = lambda_names.split(call.function, call.qualifier)
        spec = self._engine.spec(call.region, call.function, qualifier)
        payload = _checked(call)
        if call.invocation_type == "DryRun":
            return InvokeResult(204, executed_version=spec.version)
        if call.invocation_type == "Event":
            request = self._asynchronous.accept(spec, qualifier, payload)
            return InvokeResult(202, request_id=request.id)
        options = {"client_context": decode_context(call.client_context), "wants_tail": call.log_type == "Tail"}
        request = new_request(spec, payload, qualifier, **options)
        outcome = await self._engine.run(spec, request)
        if outcome.kind in snapshots.REFUSALS:
            raise Refused(snapshots.REFUSALS[outcome.kind], outcome.kind, json.loads(outcome.payload)["errorMessage"])
        return InvokeResult(200, outcome.payload, outcome.error or None, outcome.tail, spec.version, None, request.id)

    async def _look_at_schedules(self) -> None:
        await asyncio.to_thread(self._schedules.run, datetime.now(UTC))

    async def _reconcile(self) -> None:
        current = registry.functions()
        await self._engine.reconcile(current)
        self._pollers.reconcile()
        self._engine.prepare(current)

    async def _describe(self) -> list[dict[str, object]]:
        places = {(spec.region, spec.name) for spec in registry.functions()}
        running = self._engine.environments()
        return [
            {
                "region": region,
                "name": name,
                "environments": [
                    {"pid": one.pid, "version": one.spec.version, "busy": one.busy, "memory": one.memory}
                    for key, environments in running.items()
                    for one in environments
                    if key[:2] == (region, name)
                ],
                "url": self._urls.of(region, name),
            }
            for region, name in sorted(places)
        ]

    def _wake(self, source_arn: str) -> None:
        self._engine.loop.call_soon_threadsafe(self._pollers.wake, source_arn)


def decode_context(encoded: str) -> str:
    """Return a client context (base64 of JSON) as the Runtime API hands it on."""
    try:
        return base64.b64decode(encoded).decode()
    except ValueError:
        return ""


def _checked(call: InvokeCall) -> bytes:
    """Return the payload, `{}` for none. Raises Refused for one that is too large or no JSON."""
    limit = EVENT_BYTES if call.invocation_type == "Event" else REQUEST_BYTES
    if len(call.payload) > limit:
        text = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
        raise Refused(413, "RequestTooLargeException", text)
    try:
        json.loads(call.payload or b"{}")
    except ValueError as error:
        text = f"Could not parse request body into json: {error}"
        raise Refused(400, "InvalidRequestContentException", text) from error
    return call.payload or b"{}"
