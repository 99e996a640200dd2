"""What of an upload is shown and counted: the bar never goes back when bytes are sent again, and the count has every byte that was sent."""

from __future__ import annotations

import threading

from slsdeploy.tools import Task


class Counter:
    """Shared by the uploads of a push."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._lock = threading.Lock()
        self.sent = 0

    def advance(self, amount: int) -> None:
        if amount:
            with self._lock:
                self._task.advance(amount)

    def count(self, amount: int) -> None:
        with self._lock:
            self.sent += amount


class Meter:
    """How far one blob is."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._shown = 0

    def reach(self, position: int) -> None:
        """Show that the first bytes of the blob are there."""
        self._counter.advance(max(0, position - self._shown))
        self._shown = max(self._shown, position)

    def sending(self, amount: int) -> None:
        """Count what is sent, whether it arrives or not."""
        self._counter.count(amount)
