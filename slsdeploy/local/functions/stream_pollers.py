"""The pollers of stream event source mappings: one for each shard, or as many as the parallelization factor says.

A poller gives a shard's records to the function in order, and goes on when they are done or given up; those are told of to the
on-failure destination. https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from typing import Any
from zlib import crc32

from slsdeploy.local import lambda_names
from slsdeploy.local.functions import destinations, filtering, stream_failures
from slsdeploy.local.functions.destinations import Invoke
from slsdeploy.local.functions.engine import Engine, new_request
from slsdeploy.local.functions.stream_failures import GivenUp
from slsdeploy.local.functions.stream_sources import Shard, shards
from slsdeploy.local.functions.stream_work import (
    EXHAUSTED,
    TOO_OLD,
    Limits,
    Record,
    Work,
    after_failure,
    failed_at,
    without_old,
)
from slsdeploy.local.functions.values import REQUEST_BYTES, FunctionSpec, Outcome, Refused

_IDLE_SECONDS = 0.5
_RESHARD_SECONDS = 5.0
_THROTTLED_SECONDS = 1.0
_MOST_PAUSE = 5.0
_log = logging.getLogger(__name__)


Places = dict[tuple[str, int, int], int]  # by shard, a poller's number and how many there are: where it goes on


class StreamPoller:
    """Polls one stream for one function; goes on where `places` says. Lives on the event loop."""

    def __init__(self, engine: Engine, mapping: Any, invoke: Invoke, places: Places) -> None:
        self.mapping = mapping
        self._places = places
        self._engine = engine
        self._invoke = invoke
        self._lanes: dict[tuple[str, int], tuple[asyncio.Task[None], _Lane]] = {}
        self._is_first = True

    async def run(self) -> None:
        """Have a lane for every shard, those that are made later too, until cancelled."""
        try:
            while True:
                for shard in shards(self.mapping.event_source_arn):
                    self._poll(shard)
                self._is_first = False
                await asyncio.sleep(_RESHARD_SECONDS)
        finally:
            for task, _ in self._lanes.values():
                task.cancel()

    def wake(self) -> None:
        """A record has arrived."""
        for _, lane in self._lanes.values():
            lane.arrived.set()

    def _poll(self, shard: Shard) -> None:
        count = int(self.mapping.parallelization_factor or 1)
        # a shard that was made meanwhile is read from its beginning
        position = str(self.mapping.starting_position) if self._is_first else "TRIM_HORIZON"
        start = shard.start(position, float(self.mapping.starting_position_timestamp or 0))
        for number in range(count):
            if (shard.id, number) not in self._lanes:
                self._places.setdefault((shard.id, number, count), start)
                lane = _Lane(self._engine, self.mapping, self._invoke, shard, (number, count))
                self._lanes[shard.id, number] = (self._engine.spawn(lane.run(self._places)), lane)


class _Lane:
    """The records of one shard whose keys fall to one of its pollers, in order."""

    def __init__(self, engine: Engine, mapping: Any, invoke: Invoke, shard: Shard, share: tuple[int, int]) -> None:
        self.arrived = asyncio.Event()
        self._engine = engine
        self._mapping = mapping
        self._invoke = invoke
        self._shard = shard
        self._number, self._count = share

    @property
    def _limits(self) -> Limits:
        """Return what the mapping says now: it may be updated."""
        return Limits(
            retries=_or(self._mapping.max_retry_attempts, -1),
            age=_or(self._mapping.max_record_age, -1),
            bisects=bool(self._mapping.bisect_on_error),
            reports_items="ReportBatchItemFailures" in (self._mapping.function_response_types or ()),
        )

    async def run(self, places: Places) -> None:
        """Deliver from its place on, until cancelled; the place moves when records are done or given up."""
        key = (self._shard.id, self._number, self._count)
        while True:
            try:
                self.arrived.clear()
                place, records = await self._batch(places[key])
                wanted = [record for record in records if filtering.is_wanted(self._mapping, record.event)]
                if wanted:
                    await self._deliver(tuple(wanted))
                elif not records:
                    await self._sleep(_IDLE_SECONDS)
                places[key] = place
            except Exception:
                _log.debug("polling %s", self._mapping.event_source_arn, exc_info=True)
                await asyncio.sleep(_THROTTLED_SECONDS)

    async def _batch(self, place: int) -> tuple[int, list[Record]]:
        """Return the next batch and the place behind it; with a batching window, wait for it to fill."""
        size = int(self._mapping.batch_size)
        window = float(self._mapping.max_batch_window or 0)
        until = time.monotonic() + window
        found: list[Record] = []
        while True:
            for record in self._shard.read(place, max(1, size * self._count)):
                place += 1
                if crc32(record.key.encode()) % self._count == self._number:
                    found.append(record)
                if len(found) == size:
                    return place, found
            left = until - time.monotonic()
            if not found or left <= 0:
                return place, found
            self.arrived.clear()
            await self._sleep(min(left, _IDLE_SECONDS))

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.arrived.wait(), seconds)

    async def _deliver(self, records: tuple[Record, ...]) -> None:
        """Deliver records until each is done or given up."""
        pending = [Work(part) for part in _portions(records)]
        tries = 0
        while pending:
            work, old = without_old(pending.pop(0), time.time(), self._limits)
            if old:
                await self._give_up(GivenUp(old, TOO_OLD, work.retries))
            if not work.records:
                continue
            tries += 1
            spec, outcome = await self._invoked(work.records)
            place = self._failed_at(outcome, work.records)
            if place is None:
                tries = 0
                continue
            again = after_failure(work, place, bool(outcome.error), self._limits)
            if not again:
                await self._give_up(GivenUp(work.records[place:], EXHAUSTED, work.retries + 1, spec, outcome))
            elif place == 0 and len(again) == 1:
                await asyncio.sleep(min(0.05 * 2 ** min(tries, 10), _MOST_PAUSE))
            pending = again + pending

    def _failed_at(self, outcome: Outcome, records: tuple[Record, ...]) -> int | None:
        if outcome.error:
            return 0
        return failed_at(outcome.payload, records) if self._limits.reports_items else None

    async def _invoked(self, records: tuple[Record, ...]) -> tuple[FunctionSpec, Outcome]:
        """Run the function, as soon as it is there and there is room."""
        payload = json.dumps({"Records": [record.event for record in records]}).encode()
        function = self._mapping.function_arn
        _, qualifier = lambda_names.split(function)
        while True:
            try:
                spec = self._engine.spec(self._mapping.event_source_arn.split(":")[3], function, None)
                return spec, await self._engine.run(spec, new_request(spec, payload, qualifier), patient=True)
            except Refused:
                await asyncio.sleep(_THROTTLED_SECONDS)

    async def _give_up(self, given_up: GivenUp) -> None:
        target = (((self._mapping.destination_config or {}).get("OnFailure")) or {}).get("Destination")
        if not target:
            return
        told = stream_failures.record(given_up, self._mapping, self._shard.id)
        try:
            folder = f"{self._mapping.uuid}/{self._shard.id}"
            await asyncio.to_thread(destinations.send_failed_batch, target, told, folder, self._invoke)
        except Exception:
            # The queue may be gone by now; on AWS too nobody but a metric hears of it.
            _log.exception("cannot deliver to %s", target)


def _portions(records: tuple[Record, ...]) -> list[tuple[Record, ...]]:
    """Divide records into what one invocation takes."""
    sizes = [len(json.dumps(record.event)) + 2 for record in records]
    portions: list[list[Record]] = [[]]
    total = 100
    for record, size in zip(records, sizes, strict=True):
        if portions[-1] and total + size > REQUEST_BYTES:
            portions.append([])
            total = 100
        portions[-1].append(record)
        total += size
    return [tuple(portion) for portion in portions]


def _or(value: Any, default: int) -> int:
    return default if value is None else int(value)
