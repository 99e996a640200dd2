"""SQS in moto, mended: queues of many messages.

moto counts every message anew at each call (to know whether a queue deduplicates by content, and how long it keeps messages), and takes
20 us to know the time for each: with a thousand messages a call took half a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from moto.core.utils import unix_time_millis
from moto.sqs import models


def mend() -> None:
    """Replace the clock, and let a queue be counted when somebody asks for that only."""
    models.unix_time_millis = _now
    read = models.Queue.attributes.fget
    models.Queue.attributes = property(lambda self: _Attributes(self, read))
    models.SQSBackend.is_message_valid_based_on_retention_period = _is_kept


def _now(moment: datetime | None = None) -> float:
    return time.time() * 1000 if moment is None else float(unix_time_millis(moment))


class _Attributes(Mapping[str, Any]):
    """A queue's attributes; whether it deduplicates by content is known without reading the others."""

    def __init__(self, queue: Any, read: Callable[[Any], dict[str, Any]]) -> None:
        self._queue = queue
        self._read = read

    def get(self, name: str, default: Any = None) -> Any:
        if name == "ContentBasedDeduplication" and not self._queue.fifo_queue:
            return default
        return super().get(name, default)

    def __getitem__(self, name: str) -> Any:
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def _all(self) -> dict[str, Any]:
        if not hasattr(self, "_found"):
            self._found = self._read(self._queue)
        return self._found


def _is_kept(self: Any, queue_name: str, message: Any) -> bool:
    kept = int(self.get_queue(queue_name).message_retention_period) * 1000
    return bool(_now() - message.sent_timestamp < kept)
