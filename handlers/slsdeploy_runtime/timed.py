"""Runs that may take so long and no longer: each in a thread of its own, which a late one goes on in, ended if the engine can.

Starting the thread costs 0.1 ms; models without a timeout do not come here.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import Any

from slsdeploy_runtime.formats import Options, Session
from slsdeploy_runtime.unavailable import TooSlow


class Timed:
    """The runs of one model, one at a time: while a late one has not ended, others are refused at once."""

    def __init__(self, name: str, seconds: float) -> None:
        self._name = name
        self._seconds = seconds
        self._busy = Lock()
        self._guard = Lock()  # of the two below, which belong to the run that there is
        self._is_late = False
        self._options: Options | None = None

    @property
    def is_busy(self) -> bool:
        """Say whether a run has not ended."""
        return self._busy.locked()

    def call(self, function: Callable[[], Any]) -> Any:
        """Return what the function returns, or raise what it raises, in time. Raises TooSlow."""
        if not self._busy.acquire(blocking=False):
            said = f"model {self._name!r} is still busy with a run that took longer than its {self._seconds:g} s"
            raise TooSlow(said, retry_after=self._seconds, is_old=True)
        self._is_late, self._options = False, None
        done, ended = Event(), _Ended()

        def work() -> None:
            try:
                ended.value = function()
            except BaseException as error:  # whatever it is, it is for who waits
                ended.error = error
            finally:
                self._busy.release()
                done.set()

        try:
            Thread(target=work, name=f"run {self._name}", daemon=True).start()
        except BaseException:
            self._busy.release()
            raise
        if not done.wait(self._seconds):
            self._stop()
            raise TooSlow(f"model {self._name!r} took longer than its {self._seconds:g} s", retry_after=self._seconds)
        if ended.error is not None:
            raise ended.error
        return ended.value

    def options(self, session: Session) -> Options:
        """Return options for a run that begins now; it ends at once when its time is over already."""
        options = session.options()
        with self._guard:
            self._options = options
            options.terminate = self._is_late
        return options

    def _stop(self) -> None:
        with self._guard:
            self._is_late = True
            if self._options is not None:
                self._options.terminate = True


class _Ended:
    """How a run ended."""

    value: Any = None
    error: BaseException | None = None
