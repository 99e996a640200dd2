"""How far a table is: told in the log, and held against the time that the function has left."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from slsdeploy_runtime.s3_reader import MB, ObjectReader
from slsdeploy_runtime.telemetry import Telemetry

SECONDS = 10.0  # between two words on how far it is
MARGIN = 2.0  # seconds that are kept to say that time is up


class OutOfTime(Exception):
    """A table takes longer than the function has."""


class Progress:
    """How far a table is; `time_left` says how many ms the function has."""

    def __init__(self, reader: ObjectReader, telemetry: Telemetry, time_left: Callable[[], int] | None) -> None:
        self._reader = reader
        self._telemetry = telemetry
        self._time_left = time_left
        self._began = self._told = self._last = perf_counter()
        self._longest: float | None = None  # of all steps but the first, which may have waited for the model

    @property
    def seconds(self) -> float:
        return perf_counter() - self._began

    def step(self, good: int, failed: int) -> None:
        """Note that a portion is done. Raises OutOfTime when the next might not be."""
        now = perf_counter()
        self._longest = 0.0 if self._longest is None else max(self._longest, now - self._last)
        self._last = now
        if now - self._told >= SECONDS:
            self._told = now
            self.tell("rows are predicted", good, failed)
        if self._time_left is None:
            return
        left = self._time_left() / 1000
        if left < min(MARGIN, (left + now - self._began) / 4) + 2 * self._longest:
            raise OutOfTime(self._advice(good + failed))

    def tell(self, message: str, good: int, failed: int, **more: Any) -> None:
        """Log where it is."""
        seconds = self.seconds
        self._telemetry.note(
            message,
            where=self._reader.found.uri,
            rows=good + failed,
            failed=failed,
            bytes=self._reader.at,
            of_bytes=self._reader.found.bytes,
            seconds=round(seconds, 1),
            rows_per_second=round((good + failed) / max(seconds, 1e-3)),
            **more,
        )

    def _advice(self, rows: int) -> str:
        at, size = self._reader.at, self._reader.found.bytes
        parts = "" if at >= size else f" (such as of {max(1, at // 2 // MB)} MB each)"
        return (
            f"stopped after {self.seconds:.0f} s, before Lambda would: {rows:,} rows were done, {at:,} of {size:,} bytes read; nothing "
            f"was written. Divide the object into smaller ones{parts}, or give the function more timeout (at most 900) or memory"
        )
