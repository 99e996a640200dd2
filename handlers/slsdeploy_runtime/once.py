"""What is to be answered, by keys that tell it from anything else -> answered once, though it be delivered twice or by two ways.

Everything is claimed first (`marks.py`), so that what is new can still be predicted together; it is marked as done once its answer is
sent, and released when it failed. What another invocation is at is waited for; what the table does not let us claim fails, and comes again.
One window remains: an invocation that is killed after it sent an answer and before the mark has its answer sent again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Mapping, MutableMapping, Sequence
from time import monotonic, sleep, time
from typing import Any, NamedTuple

from slsdeploy_runtime.marks import Mark, Marks
from slsdeploy_runtime.outlet import waits
from slsdeploy_runtime.telemetry import Telemetry

TABLE, SECONDS = "SLSDEPLOY_IDEMPOTENCY_TABLE", "SLSDEPLOY_IDEMPOTENCY_SECONDS"
LONGEST = 900_000  # ms that an invocation may take, where none says how long it has
# of the time that an invocation has, it waits for others at most this part: what it waited for may be left for it to do
PATIENCE = 0.5
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
_UNKNOWN = Mark("busy")


class NotClaimed(Exception):
    """The table of marks could not be asked: nothing is predicted that may have been already."""


class StillBusy(Exception):
    """Another invocation is at it, or was killed while it was, and its mark has not expired."""


class Unit(NamedTuple):
    """What is answered or fails as one: its id among the others, the group that keeps its order, its keys (none: nothing tells it)."""

    id: Hashable
    group: str
    keys: Sequence[str]


Failures = dict[Any, Exception]
Done = Callable[[Iterable[Any]], None]
Work = Callable[[list[Any], Done], Failures]
Kept = MutableMapping[Any, str | None]


def from_environment(client: Callable[[str], Any], telemetry: Telemetry) -> Once:
    """Return what the template has set up."""
    return Once(Marks(os.environ[TABLE], int(os.environ[SECONDS]), client), telemetry)


class Once:
    """The marks of this function; `context` is the running invocation's."""

    def __init__(self, marks: Marks, telemetry: Telemetry) -> None:
        self._marks = marks
        self._telemetry = telemetry
        self.context: Any = None

    def run(self, units: Sequence[Unit], work: Work, kept: Kept | None = None) -> Failures:
        """Let `work` answer those units (by their ids, in order) that nobody has answered; return those that failed, and why.

        `work` returns those that failed, and may tell of others as soon as they are done. What it puts into `kept` is kept with the mark,
        and is there when the unit comes again.
        """
        seconds = self._seconds_left()
        until, patience, pause = time() + seconds, monotonic() + seconds * PATIENCE, FIRST_PAUSE
        run = _Run(units, {} if kept is None else kept)
        while True:
            run.marks |= self._marks.claim(run.unclear, until)
            ready = run.sort()
            if ready:
                self._answer(run, ready, work)
                continue
            if run.held and monotonic() + pause < patience:
                sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            run.give_up()
            self._release(run)
            self._telemetry.duplicates(run.duplicates)
            return run.failures

    def _answer(self, run: _Run, ready: Sequence[Unit], work: Work) -> None:
        finishing = self._marks.finishing()

        def done(ids: Iterable[Any]) -> None:
            kept = {key: run.kept.get(each) for each in ids for key in run.ours([run.units[each]])}
            finishing.add(kept)
            run.settled(kept)

        try:
            failures = work([unit.id for unit in ready], done)
            done(unit.id for unit in ready if unit.id not in failures)
        except BaseException:
            self._marks.release(run.ours([*ready, *run.held]))
            raise
        finally:
            self._warn("answered, but not marked as done", finishing.end())
        run.failures |= failures
        self._release(run)

    def _release(self, run: _Run) -> None:
        """Take the marks of what failed away."""
        failed = run.ours(unit for unit in run.units.values() if unit.id in run.failures)
        self._warn("failed, and still marked as in progress", self._marks.release(failed))
        run.settled(failed)

    def _warn(self, what: str, problems: Mapping[str, BaseException]) -> None:
        for key, error in problems.items():
            self._telemetry.warning(what, where=key, problem=f"{type(error).__name__}: {error}")

    def _seconds_left(self) -> float:
        remaining = getattr(self.context, "get_remaining_time_in_millis", None)
        return (LONGEST if remaining is None else remaining()) / 1000


class _Run:
    """The units of one call: what is known of their keys, which are held up, which failed."""

    def __init__(self, units: Sequence[Unit], kept: Kept) -> None:
        self.units = {unit.id: unit for unit in units}  # the same record twice in a batch is one
        self.held = list(self.units.values())
        self.marks: dict[str, Mark] = {}
        self.kept = kept
        self.failures: Failures = {}
        self.duplicates = 0

    @property
    def unclear(self) -> list[str]:
        """The keys that are to be claimed, or tried again."""
        return [key for key in _keys(self.held) if self.marks.get(key, _UNKNOWN).state == "busy"]

    def ours(self, units: Iterable[Unit]) -> list[str]:
        """Return the keys that we have claimed and not settled."""
        return [key for key in _keys(units) if self.marks.get(key, _UNKNOWN).state == "ours"]

    def sort(self) -> list[Unit]:
        """Return those that can be answered now, in order; hold what is busy, and all that is behind it in its group."""
        ready, held = list[Unit](), list[Unit]()
        stopped = {self.units[each].group for each in self.failures}
        blocked = set[str]()
        for unit in self.held:
            marks = [self.marks[key] for key in unit.keys]
            states = {mark.state for mark in marks}
            if states == {"done"}:
                self.duplicates += 1
                self.kept[unit.id] = marks[0].kept
            elif unit.group in stopped:
                self.failures[unit.id] = waits(unit.group)
            elif "failed" in states:
                self.failures[unit.id] = _not_claimed(marks)
                stopped.add(unit.group)
            elif "busy" in states or unit.group in blocked:
                held.append(unit)
                blocked.add(unit.group)
            else:
                ready.append(unit)
        self.held = held
        return ready

    def settled(self, keys: Iterable[str]) -> None:
        """Note that keys are no more ours."""
        for key in keys:
            del self.marks[key]

    def give_up(self) -> None:
        """Let those fail that are held up."""
        stopped = set[str]()
        for unit in self.held:
            busy = StillBusy(
                "another invocation is at it, or was killed and its mark has not expired yet; it comes again"
            )
            self.failures[unit.id] = waits(unit.group) if unit.group in stopped else busy
            stopped.add(unit.group)
        self.held = []


def _keys(units: Iterable[Unit]) -> list[str]:
    """Return the keys of units, each once: two messages may tell of the same arrival."""
    return list(dict.fromkeys(key for unit in units for key in unit.keys))


def _not_claimed(marks: Iterable[Mark]) -> NotClaimed:
    error = next(mark.error for mark in marks if mark.error is not None)
    refused = NotClaimed(f"the table of what is done could not be asked: {type(error).__name__}: {error}")
    refused.__cause__ = error
    return refused
