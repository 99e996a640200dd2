"""The pollers of event source mappings; here those of SQS: messages in batches to the function, deleted when it has taken them.

What it has not taken stays in the queue until its visibility timeout ends; the queue's own redrive policy moves it to the
dead-letter queue. https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from typing import Any

from moto.sqs.models import sqs_backends

from slsdeploy.local import lambda_names
from slsdeploy.local.functions import filtering, registry, sqs_event
from slsdeploy.local.functions.destinations import Invoke
from slsdeploy.local.functions.engine import Engine, new_request
from slsdeploy.local.functions.pool import concurrency
from slsdeploy.local.functions.stream_pollers import Places, StreamPoller
from slsdeploy.local.functions.values import REQUEST_BYTES, Refused
from slsdeploy.local.lambda_names import ACCOUNT

_IDLE_SECONDS = 0.5
_THROTTLED_SECONDS = 1.0
_STREAMS = ("kinesis", "dynamodb")
_log = logging.getLogger(__name__)


class Pollers:
    """One poller for each mapping that is enabled. Lives on the event loop."""

    def __init__(self, engine: Engine, invoke: Invoke) -> None:
        self._engine = engine
        self._invoke = invoke
        self._running: dict[str, tuple[asyncio.Task[None], SqsPoller | StreamPoller]] = {}
        self._places: dict[str, Places] = {}  # a mapping that was disabled goes on where it stopped

    def reconcile(self) -> None:
        """Start and stop pollers until they are those of moto's mappings."""
        wanted = {mapping.uuid: mapping for mapping in registry.event_source_mappings() if _is_polled(mapping)}
        for uuid in [uuid for uuid, (_, poller) in self._running.items() if poller.mapping is not wanted.get(uuid)]:
            self._running.pop(uuid)[0].cancel()
        for uuid in wanted.keys() - self._running.keys():
            poller = self._make(wanted[uuid])
            self._running[uuid] = (self._engine.spawn(poller.run()), poller)

    def wake(self, source_arn: str) -> None:
        """A message has arrived in a queue, or a record in a stream."""
        for _, poller in self._running.values():
            if poller.mapping.event_source_arn == source_arn:
                poller.wake()

    def _make(self, mapping: Any) -> SqsPoller | StreamPoller:
        if _service(mapping) in _STREAMS:
            places = self._places.setdefault(mapping.uuid, {})
            return StreamPoller(self._engine, mapping, self._invoke, places)
        return SqsPoller(self._engine, mapping)


class SqsPoller:
    """Polls one queue for one function."""

    def __init__(self, engine: Engine, mapping: Any) -> None:
        self.mapping = mapping
        self.arrived = asyncio.Event()
        self._engine = engine
        self._region = mapping.event_source_arn.split(":")[3]
        self._queue = mapping.event_source_arn.split(":")[5]
        self._working: set[asyncio.Task[Any]] = set()

    def wake(self) -> None:
        """A message has arrived."""
        self.arrived.set()

    async def run(self) -> None:
        """Poll until cancelled; a queue that is gone is looked for again now and then."""
        while True:
            try:
                self.arrived.clear()
                messages = await self._batch()
                if not messages:
                    await self._sleep(_IDLE_SECONDS)
                    continue
                self._working.add(task := self._engine.spawn(self._deliver(messages)))
                task.add_done_callback(self._working.discard)
                while len(self._working) >= self._most():
                    await asyncio.wait(self._working, return_when=asyncio.FIRST_COMPLETED)
            except Exception:
                _log.debug("polling %s", self._queue, exc_info=True)
                await asyncio.sleep(_THROTTLED_SECONDS)

    def _most(self) -> int:
        """Return how many batches may be under way at a time."""
        most = (self.mapping.scaling_config or {}).get("MaximumConcurrency")
        return int(most) if most else concurrency()

    async def _batch(self) -> list[Any]:
        """Receive a batch: what is there; with a batching window, as much as comes until it ends or the batch is full."""
        size = int(self.mapping.batch_size)
        until = time.monotonic() + float(self.mapping.max_batch_window or 0)
        messages: list[Any] = await self._receive(size)
        while messages and len(messages) < size and (left := until - time.monotonic()) > 0:
            self.arrived.clear()
            more = await self._receive(size - len(messages))
            messages += more
            if not more:
                await self._sleep(min(left, _IDLE_SECONDS))
        return messages

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.arrived.wait(), seconds)

    async def _receive(self, count: int) -> list[Any]:
        return await asyncio.to_thread(self._receive_now, count)

    def _receive_now(self, count: int) -> list[Any]:
        backend = sqs_backends[ACCOUNT][self._region]
        visible = int(backend.get_queue(self._queue).visibility_timeout)
        received = backend.receive_message(self._queue, count, 0, visible, ["All"])
        wanted = (filtering.is_wanted(self.mapping, sqs_event.make_record(message, self._arn)) for message in received)
        messages = [message for message, is_wanted in zip(received, wanted, strict=True) if is_wanted]
        # What the filter does not let through is taken off the queue, as on AWS.
        self._delete([message for message in received if message not in messages])
        return messages

    @property
    def _arn(self) -> str:
        return str(self.mapping.event_source_arn)

    async def _deliver(self, messages: list[Any]) -> None:
        """Give a batch to the function, in pieces when it is too large for one request."""
        payload = json.dumps(sqs_event.make_event(messages, self._arn)).encode()
        if len(payload) > REQUEST_BYTES and len(messages) > 1:
            half = len(messages) // 2
            await self._deliver(messages[:half])
            await self._deliver(messages[half:])
            return
        function = self.mapping.function_arn
        _, qualifier = lambda_names.split(function)
        try:
            spec = self._engine.spec(self._region, function, None)
            outcome = await self._engine.run(spec, new_request(spec, payload, qualifier), patient=True)
        except Refused:
            return
        if outcome.error:
            return
        failed: set[str] = set()
        if "ReportBatchItemFailures" in (self.mapping.function_response_types or ()):
            failed = sqs_event.failed_ids(outcome.payload, [message.id for message in messages])
        await asyncio.to_thread(self._delete, [message for message in messages if message.id not in failed])

    def _delete(self, messages: list[Any]) -> None:
        backend = sqs_backends[ACCOUNT][self._region]
        for message in messages:
            backend.delete_message(self._queue, message.receipt_handle)


def _is_polled(mapping: Any) -> bool:
    return bool(mapping.enabled) and _service(mapping) in ("sqs", *_STREAMS)


def _service(mapping: Any) -> str:
    """Return the service that a mapping polls, "" for a Kafka cluster of one's own."""
    return str(mapping.event_source_arn or "::").split(":")[2]
