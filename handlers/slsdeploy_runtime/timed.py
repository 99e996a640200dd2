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
        self._guard = Lock()  # of what follows
        self._current: _Run | None = None

    @property
    def is_busy(self) -> bool:
        """Say whether a run has not ended."""
        return self._busy.locked()

    def call(self, function: Callable[[], Any]) -> Any:
        """Return what the function returns, or raise what it raises, in time. Raises TooSlow."""
        if not self._busy.acquire(blocking=False):
            said = f"model {self._name!r} is still busy with a run that took longer than its {self._seconds:g} s"
            raise TooSlow(said, retry_after=self._seconds, is_old=True)
        run = self._current = _Run()
        try:
            Thread(target=self._work, args=(run, function), name=f"run {self._name}", daemon=True).start()
        except BaseException:
            self._end(run)
            raise
        if not run.done.wait(self._seconds):
            self._stop(run)
            raise TooSlow(f"model {self._name!r} took longer than its {self._seconds:g} s", retry_after=self._seconds)
        if run.error is not None:
            raise run.error
        return run.value

    def options(self, session: Session) -> Options:
        """Return options for what begins now, in the run that there is; it ends at once when that is late already."""
        options = session.options()
        with self._guard:
            if self._current is not None:
                self._current.options = options
                options.terminate = self._current.is_late
        return options

    def _work(self, run: _Run, function: Callable[[], Any]) -> None:
        try:
            run.value = function()
        except BaseException as error:  # whatever it is, it is for who waits
            run.error = error
        finally:
            self._end(run)

    def _stop(self, run: _Run) -> None:
        with self._guard:
            run.is_late = True
            if run.options is not None:
                run.options.terminate = True

    def _end(self, run: _Run) -> None:
        with self._guard:
            self._current = None
        self._busy.release()
        run.done.set()


class _Run:
    """A run, and how it ended."""

    def __init__(self) -> None:
        self.done = Event()
        self.value: Any = None
        self.error: BaseException | None = None
        self.is_late = False
        self.options: Options | None = None
