"""Writes what functions print into moto's CloudWatch Logs, in batches, off the path of the requests.

An environment adds lines to its `Stream`; a few times a second everything is handed to moto at once. Only the end of a
flood is kept; a stream that much was read of since the last writing says `is_full`, and its environment is read no further until the next.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from moto.logs.models import LogEvent, LogGroup, logs_backends

from slsdeploy.local.lambda_names import ACCOUNT

FLUSH_SECONDS = 0.2
# Read of a stream between two writings; a process that prints more waits for the next.
BURST_BYTES = 32 << 20
# Kept of a stream, and of all those of a group: it is all in memory.
STREAM_EVENTS = 20_000
STREAM_BYTES = 8 << 20
GROUP_BYTES = 64 << 20
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
EVENT_BYTES = 262_144 - 26
TAIL_BYTES = 4096

_log = logging.getLogger(__name__)
Event = dict[str, Any]
Batch = tuple["Stream", list[Event], list[str]]  # with the lines of metrics that are not among the events


class _Portion(NamedTuple):
    """Whole lines that came together, at a moment (ms since 1970); how many bytes they have."""

    moment: int
    lines: list[bytes]
    bytes: int


class Stream:
    """The log stream of one environment. Used by the event loop only, but for `take`'s result.

    What waits to be written is no more than what is kept of a stream: of a gigabyte of logs, its end.
    """

    def __init__(self, region: str, group: str, name: str) -> None:
        self.region = region
        self.group = group
        self.name = name
        self._portions: deque[_Portion] = deque()
        self._lines = self._bytes = self._burst = 0
        self._metrics: deque[bytes] = deque(maxlen=STREAM_EVENTS)
        self._partial = b""
        self._tail: bytearray | None = None

    @property
    def is_full(self) -> bool:
        return self._burst > BURST_BYTES

    def write(self, chunk: bytes) -> None:
        """Add what the process printed: one event a line, a long line in pieces."""
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        while len(self._partial) > EVENT_BYTES:
            lines.append(self._partial[:EVENT_BYTES])
            self._partial = self._partial[EVENT_BYTES:]
        if lines:
            self._add(lines)

    def end_line(self) -> None:
        """Add what was printed without a newline; nothing more of it will come."""
        if self._partial:
            self.line(self._partial)
            self._partial = b""

    def line(self, line: bytes) -> None:
        """Add one event."""
        self._add([line])

    def start_tail(self) -> None:
        """Keep the last 4 KB of what comes from here on (`LogType=Tail`)."""
        self._tail = bytearray()

    def end_tail(self) -> bytes:
        """Return them."""
        tail, self._tail = self._tail, None
        return bytes(tail or b"")

    def take(self) -> list[Event]:
        """Return the events that are not written yet, and forget them."""
        portions, self._portions = self._portions, deque()
        self._lines = self._bytes = self._burst = 0
        return [_event(portion.moment, line) for portion in portions for line in portion.lines]

    def take_metrics(self) -> list[str]:
        """Return the lines with metrics that are among those that were dropped, and forget them."""
        metrics, self._metrics = self._metrics, deque(maxlen=STREAM_EVENTS)
        return [line.decode("utf-8", "replace") for line in metrics]

    def _add(self, lines: list[bytes]) -> None:
        if any(line.startswith(b"[ERROR]") for line in lines):
            lines = [_traceback(line) for line in lines]
        text = b"\n".join(lines) + b"\n"
        if self._tail is not None:
            self._tail += text[-TAIL_BYTES:]
            del self._tail[:-TAIL_BYTES]
        self._portions.append(_Portion(int(time.time() * 1000), lines, len(text)))
        self._lines += len(lines)
        self._bytes += len(text)
        self._burst += len(text)
        while len(self._portions) > 1 and (self._lines > STREAM_EVENTS or self._bytes > STREAM_BYTES):
            self._drop(self._portions.popleft())

    def _drop(self, portion: _Portion) -> None:
        self._lines -= len(portion.lines)
        self._bytes -= portion.bytes
        self._metrics.extend(line for line in portion.lines if line.startswith(b"{") and b'"_aws"' in line)


def _event(moment: int, line: bytes) -> Event:
    return {"timestamp": moment, "message": line.decode("utf-8", "replace") + "\n"}


def _traceback(line: bytes) -> bytes:
    """A traceback comes as one line that has carriage returns in it, and is shown with newlines."""
    return line.replace(b"\r", b"\n") if line.startswith(b"[ERROR]") else line


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

    def take(self) -> list[Batch]:
        """Return all that is not written yet; to be called on the event loop, and `flush` anywhere."""
        streams, self._closed = [*self._streams, *self._closed], []
        return [(stream, events, stream.take_metrics()) for stream in streams if (events := stream.take())]

    def flush(self, batches: list[Batch]) -> None:
        """Write batches to moto. A group may be deleted meanwhile: the other streams are written all the same."""
        for stream, events, metrics in batches:
            try:
                self._write(stream, events, metrics)
            except Exception:
                _log.exception("%d lines of %s are lost", len(events), stream.group)

    def _write(self, stream: Stream, events: list[Event], metrics: list[str]) -> None:
        if self._has_group(stream):
            _put(stream, events)
            for message in [*metrics, *(event["message"] for event in events)]:
                self._on_message(stream.region, message)

    def _has_group(self, stream: Stream) -> bool:
        """Lambda makes a missing log group, but one that was deleted since must not come back with a last line."""
        groups = logs_backends[ACCOUNT][stream.region]
        place = (stream.region, stream.group)
        if place not in self._known:
            groups.ensure_log_group(stream.group)
            self._known.add(place)
        return stream.group in groups.groups


def _put(stream: Stream, events: list[Event]) -> None:
    """Append to a stream of moto's, keeping its newest events only, and of its group the newest streams."""
    group: LogGroup = logs_backends[ACCOUNT][stream.region].groups[stream.group]
    if stream.name not in group.streams:
        group.create_log_stream(stream.name)
    group.put_log_events(stream.name, events)
    kept = group.streams[stream.name]
    if len(kept.events) > STREAM_EVENTS or kept.stored_bytes > STREAM_BYTES:
        kept.events = _newest(kept.events)
        kept.stored_bytes = sum(len(event.message) for event in kept.events)
    held = sum(each.stored_bytes for each in group.streams.values())
    for each in list(group.streams.values()):  # the oldest first
        if held > GROUP_BYTES and each is not kept:
            held -= each.stored_bytes
            each.events, each.stored_bytes = [], 0


def _newest(events: list[LogEvent]) -> list[LogEvent]:
    size, start = 0, len(events)
    while start and size < STREAM_BYTES and len(events) - start < STREAM_EVENTS:
        start -= 1
        size += len(events[start].message)
    return events[start:]
