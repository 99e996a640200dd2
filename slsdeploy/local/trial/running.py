"""Runs a trial: starts the process, waits until it asks for work, sends events one after another, reads the clock and the memory.

All times are `perf_counter` seconds of this process. Those that the child noted are on the same time line where that clock is the
system's monotonic one (Linux, macOS, Windows); should they not lie between our own, they are moved to where the child was started.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slsdeploy import failure
from slsdeploy.errors import BuildError
from slsdeploy.local.functions.logs import Stream
from slsdeploy.local.functions.process import Process, exit_reason
from slsdeploy.local.functions.runtime_api import RuntimeApi
from slsdeploy.local.functions.sandbox import Start
from slsdeploy.local.functions.trees import remove_tree
from slsdeploy.local.functions.values import Outcome, Request
from slsdeploy.local.functions.values import failure as ended
from slsdeploy.local.trial.cpu import UNLIMITED, Share
from slsdeploy.local.trial.subject import Subject

_PHASES = b'{"slsdeploy": "phases"}'
_LOG_LINES = 20
_COMMONPLACE = "LAMBDA_WARNING: Unhandled exception."  # what awslambdaric says before every error, at length
_LAST_WORDS_SECONDS = 1.0
_EVENT_HINT = "mend what its log tells, or give an event that it takes with --event FILE"
_TRACE = "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0"


@dataclass(frozen=True, slots=True)
class Ask:
    """What is sent: an event, first and then again until `warm` answers or `warm_seconds` are over, and in what share of a CPU.

    `timeout` (seconds) is for the start and for each answer.
    """

    event: bytes
    warm: int = 100
    warm_seconds: float = 2.0
    share: Share = UNLIMITED
    timeout: float = 120.0


@dataclass(frozen=True, slots=True)
class Trial:
    """One process, measured. Points in time in seconds on one line; durations in milliseconds; memory in bytes.

    `began` is when it became the function's Python, `python` when that ran its first line, `marks` what the runtime noted on its way,
    `ready` when it asked for its first event, `answered` when it had answered it. `rss` is after the first answer, `peak` at the end.
    """

    began: float
    python: float
    ready: float
    answered: float
    marks: tuple[tuple[str, float], ...]
    warm_ms: tuple[float, ...]
    rss: int
    peak: int
    answer: bytes
    log: tuple[str, ...] = field(default=(), repr=False)

    @property
    def init_ms(self) -> float:
        return (self.ready - self.began) * 1000

    @property
    def first_answer_ms(self) -> float:
        return (self.answered - self.began) * 1000


def run(subject: Subject, ask: Ask) -> Trial:
    """Try a function once; nothing of it is left afterwards, however this ends.

    Raises BuildError when it does not start, does not answer, or answers with an error.
    """
    with _folder() as folder:
        return asyncio.run(_Run(subject, ask, folder).measured())


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="slsdeploy-trial-"))
    try:
        (folder / "tmp").mkdir()
        yield folder
    finally:
        remove_tree(folder)


class _Run:
    """A trial on its way."""

    def __init__(self, subject: Subject, ask: Ask, folder: Path) -> None:
        self._subject = subject
        self._ask = ask
        self._times = folder / "times"
        self._temporary = folder / "tmp"
        self._stream = Stream("", "", "")
        self._lines: list[str] = []

    async def measured(self) -> Trial:
        api = RuntimeApi()
        await api.open()
        command = self._subject.command(api.address, self._times, self._temporary, self._ask.share.groups)
        spawned = time.perf_counter()
        try:
            process = Process(Start(command, None), self._stream)
        except OSError as error:
            raise BuildError(f"{command[0]} does not start: {error}", where=command[0]) from error
        holding = asyncio.ensure_future(self._ask.share.hold(process.pid))
        guard = asyncio.ensure_future(_guard(process, api))
        try:
            return await self._drive(api, process, spawned)
        finally:
            holding.cancel()
            process.kill()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.shield(process.exit), 5)
            guard.cancel()
            await api.close()

    async def _drive(self, api: RuntimeApi, process: Process, spawned: float) -> Trial:
        await self._until_ready(api, process)
        ready = time.perf_counter()
        first = await self._invoke(api, process, self._ask.event)
        answered = time.perf_counter()
        rss = process.measure()
        warm = await self._warm(api, process)
        report: dict[str, Any] = {}
        if self._subject.has_phases:
            report = json.loads((await self._invoke(api, process, _PHASES)).payload)
        peak = _peak(process.pid) or (report.get("memory") or {}).get("peak") or process.peak
        began, python = (float(line) for line in self._times.read_text().split())
        shift = 0.0 if spawned <= began <= python <= ready else spawned - began
        marks = [("client", report["started"]), *report["marks"]] if report else []
        self._read_log(process)
        return Trial(
            began=began + shift,
            python=python + shift,
            ready=ready,
            answered=answered,
            marks=tuple((name, moment + shift) for name, moment in marks),
            warm_ms=tuple(warm),
            rss=rss,
            peak=max(peak, rss),
            answer=first.payload,
            log=tuple(self._lines),
        )

    async def _until_ready(self, api: RuntimeApi, process: Process) -> None:
        done, _ = await asyncio.wait([api.ready], timeout=self._ask.timeout)
        if not done:
            raise self._failed(process, "does not start", f"nothing in {self._ask.timeout:.0f} s")
        failed = api.ready.result()
        if failed is not None:
            await asyncio.wait([process.exit], timeout=_LAST_WORDS_SECONDS)
            raise self._failed(process, "does not start", _text(failed))

    async def _warm(self, api: RuntimeApi, process: Process) -> list[float]:
        """Send the event again and again, each when the client waits for it: a request finds an idle environment."""
        until = time.perf_counter() + self._ask.warm_seconds
        durations: list[float] = []
        while len(durations) < self._ask.warm and (time.perf_counter() < until or not durations):
            while not api.is_idle and not process.exit.done():
                await asyncio.sleep(0.0005)
            begun = time.perf_counter()
            await self._invoke(api, process, self._ask.event)
            durations.append((time.perf_counter() - begun) * 1000)
            self._read_log(process)
        return durations

    async def _invoke(self, api: RuntimeApi, process: Process, event: bytes) -> Outcome:
        request = Request(str(uuid.uuid4()), event, self._subject.arn, _TRACE)
        deadline = int((time.time() + self._ask.timeout) * 1000)
        done, _ = await asyncio.wait([answer := api.hand(request, deadline)], timeout=self._ask.timeout)
        if not done:
            raise self._failed(process, "does not answer the event", f"nothing in {self._ask.timeout:.0f} s")
        outcome = answer.result()
        if outcome.error:
            raise self._failed(process, "fails on the event", _text(outcome))
        return outcome

    def _read_log(self, process: Process) -> None:
        process.drain()
        self._lines += [str(event["message"]).rstrip() for event in self._stream.take()]
        process.resume()

    def _failed(self, process: Process, what: str, why: str) -> BuildError:
        self._read_log(process)
        hint = "mend what its log tells" if what == "does not start" else _EVENT_HINT
        return BuildError(f"the function {what}: {why}{_tail(self._lines)}", hint, self._subject.name)


async def _guard(process: Process, api: RuntimeApi) -> None:
    """Tell whoever waits for an answer that the process is gone."""
    api.end(ended("Runtime.ExitError", exit_reason(await asyncio.shield(process.exit))))


def _text(outcome: Outcome) -> str:
    """Return what happened; its traceback is in the log."""
    told = failure.read(failure.decoded(outcome.payload), outcome.kind)
    return f"{told.type}: {told.message}"


def _tail(lines: Sequence[str]) -> str:
    """Return the end of the log, for the end of a message."""
    last = [line for text in lines if _COMMONPLACE not in text for line in text.splitlines()][-_LOG_LINES:]
    return "".join(["\n\nits log ends with", *(f"\n  {line}" for line in last)]) if last else ""


def _peak(pid: int) -> int | None:
    """Return the most memory that the process ever had resident, where Linux tells."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None
