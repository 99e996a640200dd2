"""Writes what functions print into moto's CloudWatch Logs, in batches, off the path of the requests.

An environment adds lines to its `Stream`; a few times a second everything is handed to moto at once. A stream whose
lines are not written yet says `is_full`, and its environment is read no further until they are.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from moto.logs.models import LogGroup, logs_backends

from slsdeploy.local.lambda_names import ACCOUNT

FLUSH_SECONDS = 0.2
BUFFER_BYTES = 1 << 20
STREAM_EVENTS = 20_000
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
EVENT_BYTES = 262_144 - 26
TAIL_BYTES = 4096

_log = logging.getLogger(__name__)
Event = dict[str, Any]


class Stream:
    """The log stream of one environment. Used by the event loop only, but for `take`'s result."""

    def __init__(self, region: str, group: str, name: str) -> None:
        self.region = region
        self.group = group
        self.name = name
        self._events: list[Event] = []
        self._bytes = 0
        self._partial = b""
        self._tail: bytearray | None = None

    @property
    def is_full(self) -> bool:
        return self._bytes > BUFFER_BYTES

    def write(self, chunk: bytes) -> None:
        """Add what the process printed: one event a line, a long line in pieces."""
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        for line in lines:
            self.line(line)
        while len(self._partial) > EVENT_BYTES:
            self.line(self._partial[:EVENT_BYTES])
            self._partial = self._partial[EVENT_BYTES:]

    def end_line(self) -> None:
        """Add what was printed without a newline; nothing more of it will come."""
        if self._partial:
            self.line(self._partial)
            self._partial = b""

    def line(self, line: bytes) -> None:
        """Add one event. A traceback comes as one line that has carriage returns in it, and is shown with newlines."""
        if line.startswith(b"[ERROR]"):
            line = line.replace(b"\r", b"\n")
        if self._tail is not None:
            self._tail += line + b"\n"
            del self._tail[:-TAIL_BYTES]
        self._bytes += len(line)
        message = line.decode("utf-8", "replace") + "\n"
        self._events.append({"timestamp": int(time.time() * 1000), "message": message})

    def start_tail(self) -> None:
        """Keep the last 4 KB of what comes from here on (`LogType=Tail`)."""
        self._tail = bytearray()

    def end_tail(self) -> bytes:
        """Return them."""
        tail, self._tail = self._tail, None
        return bytes(tail or b"")

    def take(self) -> list[Event]:
        """Return the events that are not written yet, and forget them."""
        events, self._events, self._bytes = self._events, [], 0
        return events


class LogWriter:
    """Hands the streams' events to moto, and each message to `on_message` with its region."""

    def __init__(self, on_message: Callable[[str, str], None]) -> None:
        self._on_message = on_message
        self._streams: list[Stream] = []
        self._closed: list[Stream] = []
        self._known: set[tuple[str, str]] = set()

    def add(self, region: str, group: str, version: str, environment: str) -> Stream:
        """Open a stream with the name that Lambda would give it."""
        name = f"{datetime.now(UTC):%Y/%m/%d}/[{version}]{environment}"
        stream = Stream(region, group, name)
        self._streams.append(stream)
        self._known.discard((region, group))
        return stream

    def close(self, stream: Stream) -> None:
        """Forget a stream once what is left of it is written."""
        stream.end_line()
        if stream in self._streams:
            self._streams.remove(stream)
            self._closed.append(stream)

    def take(self) -> list[tuple[Stream, list[Event]]]:
        """Return all that is not written yet; to be called on the event loop, and `flush` anywhere."""
        streams, self._closed = [*self._streams, *self._closed], []
        return [(stream, events) for stream in streams if (events := stream.take())]

    def flush(self, batches: list[tuple[Stream, list[Event]]]) -> None:
        """Write batches to moto. A group may be deleted meanwhile: the other streams are written all the same."""
        for stream, events in batches:
            try:
                self._write(stream, events)
            except Exception:
                _log.exception("%d lines of %s are lost", len(events), stream.group)

    def _write(self, stream: Stream, events: list[Event]) -> None:
        if self._has_group(stream):
            _put(stream, events)
            for event in events:
                self._on_message(stream.region, event["message"])

    def _has_group(self, stream: Stream) -> bool:
        """Lambda makes a missing log group, but one that was deleted since must not come back with a last line."""
        groups = logs_backends[ACCOUNT][stream.region]
        place = (stream.region, stream.group)
        if place not in self._known:
            groups.ensure_log_group(stream.group)
            self._known.add(place)
        return stream.group in groups.groups


def _put(stream: Stream, events: list[Event]) -> None:
    """Append to a stream of moto's, keeping its newest events only: all of it is in memory."""
    group: LogGroup = logs_backends[ACCOUNT][stream.region].groups[stream.group]
    if stream.name not in group.streams:
        group.create_log_stream(stream.name)
    group.put_log_events(stream.name, events[-STREAM_EVENTS:])
    kept = group.streams[stream.name]
    if len(kept.events) > STREAM_EVENTS:
        dropped = kept.events[:-STREAM_EVENTS]
        kept.events = kept.events[-STREAM_EVENTS:]
        kept.stored_bytes -= sum(len(event.message) for event in dropped)
