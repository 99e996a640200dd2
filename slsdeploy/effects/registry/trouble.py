"""What may be mended by trying again, and how long that is tried: exponential pauses with jitter, bounded in number and in time."""

from __future__ import annotations

import random
import threading
import time
from email.utils import parsedate_to_datetime

from slsdeploy.effects.registry.settings import Settings
from slsdeploy.errors import SlsdeployError


class Trouble(Exception):
    """A connection that was cut, or an answer that may be another one later; `error` is for when we lose patience."""

    def __init__(self, error: SlsdeployError, retry_after: float = 0) -> None:
        super().__init__(str(error))
        self.error = error
        self.retry_after = retry_after


class Stopped(Exception):
    """Another thread failed, or the user does not want any more."""


class Patience:
    """Waits between attempts, until there were too many in a row."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        self._settings = settings
        self._stop = stop
        self._failures = 0
        self._since = time.monotonic()

    def progressed(self) -> None:
        """Start counting anew."""
        self._failures = 0
        self._since = time.monotonic()

    def wait(self, trouble: Trouble) -> None:
        """Wait before the next attempt.

        Raises the trouble's own error when there were enough, Stopped when nobody wants it any more.
        """
        limits = self._settings
        pause = min(limits.longest_pause, limits.pause * 2**self._failures) * random.uniform(0.5, 1)  # noqa: S311
        pause = max(pause, trouble.retry_after)
        self._failures += 1
        if self._failures >= limits.attempts or time.monotonic() - self._since + pause > limits.patience:
            raise trouble.error from trouble
        if self._stop.wait(pause):
            raise Stopped


def retry_after(header: str | None) -> float:
    """Return the seconds that a Retry-After asks for, whether it names them or a date; 0 when it says neither."""
    if not header:
        return 0
    if header.strip().isdecimal():
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0
