"""Asynchronous invocations: accepted at once, run as soon as there is room, tried again, and sent on when that is no use.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html. AWS waits 1 minute, then 2, before it tries
again; here that is 1 second, then 2, or what `SLSDEPLOY_LOCAL_RETRY_SECONDS` says ("60,120" for AWS's own).
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from typing import Any

from slsdeploy.local.functions import destinations, registry
from slsdeploy.local.functions.destinations import Invoke
from slsdeploy.local.functions.engine import Engine, new_request
from slsdeploy.local.functions.values import FunctionSpec, Outcome, Refused, Request, failure

RETRY_SECONDS = "SLSDEPLOY_LOCAL_RETRY_SECONDS"
_MAXIMUM_AGE = 21_600
_log = logging.getLogger(__name__)


def retry_seconds() -> list[float]:
    """Return how long to wait before each further try."""
    return [float(seconds) for seconds in (os.environ.get(RETRY_SECONDS) or "1,2").split(",")]


class Asynchronous:
    """The queue of asynchronous invocations. Lives on the event loop."""

    def __init__(self, engine: Engine, invoke: Invoke) -> None:
        self._engine = engine
        self._invoke = invoke

    def accept(self, spec: FunctionSpec, qualifier: str | None, payload: bytes) -> Request:
        """Take an event; it is run later."""
        request = new_request(spec, payload, qualifier)
        self._engine.spawn(self._deliver(spec, qualifier, request))
        return request

    async def _deliver(self, spec: FunctionSpec, qualifier: str | None, request: Request) -> None:
        config = registry.event_invoke_config(spec.region, spec.name)
        until = time.monotonic() + config.get("MaximumEventAgeInSeconds", _MAXIMUM_AGE)
        tries = 1 + config.get("MaximumRetryAttempts", 2)
        condition, count, outcome = "RetriesExhausted", 0, Outcome(b"null", "Unhandled")
        for number in range(tries):
            await asyncio.sleep(_delay(number))
            if number and time.monotonic() > until:
                condition = "EventAgeExceeded"
                break
            try:
                spec = self._engine.spec(spec.region, spec.name, qualifier)
            except Refused:
                return  # the function was deleted in the meantime: so are its events
            count += 1
            outcome = await self._run(spec, request, until)
            if not outcome.error:
                condition = "Success"
                break
        await asyncio.to_thread(self._send_on, spec, config, request, outcome, (condition, count))

    async def _run(self, spec: FunctionSpec, request: Request, until: float) -> Outcome:
        """Run an event as soon as there is room; with a reserved concurrency of 0 there is none until that is changed."""
        while True:
            try:
                return await self._engine.run(spec, request, patient=True)
            except Refused as refused:
                if time.monotonic() > until:
                    return failure(refused.code, refused.message)
                await asyncio.sleep(1)

    def _send_on(
        self,
        spec: FunctionSpec,
        config: dict[str, Any],
        request: Request,
        outcome: Outcome,
        end: tuple[str, int],
    ) -> None:
        """Tell the destination for this end, if there is one; a dead-letter queue gets the event that failed."""
        kind = "OnSuccess" if end[0] == "Success" else "OnFailure"
        target = ((config.get("DestinationConfig") or {}).get(kind) or {}).get("Destination")
        if target:
            body = json.dumps(destinations.record(request, spec, outcome, *end))
            self._try_send(target, body, {})
        if spec.dead_letter and kind == "OnFailure":
            attributes = destinations.dead_letter_attributes(request, outcome)
            self._try_send(spec.dead_letter, request.payload.decode("utf-8", "replace"), attributes)

    def _try_send(self, target: str, body: str, attributes: dict[str, dict[str, str]]) -> None:
        try:
            destinations.send(target, body, attributes, self._invoke)
        except Exception:
            # The queue may be gone by now; on AWS too nobody but a metric hears of it.
            _log.exception("cannot deliver to %s", target)


def _delay(number: int) -> float:
    """Return the seconds to wait before a try, counted from 0."""
    delays = retry_seconds()
    return delays[min(number, len(delays)) - 1] if number else 0.0
