"""Gives a process the share of a CPU that its memory size buys on Lambda, with what this machine has for that.

A control group's quota where one can be made; otherwise the process is stopped and continued (SIGSTOP, SIGCONT) whenever it has
used more CPU time than its share of the time that went by. https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

# Lambda's own, as seen from inside of it: https://mustafaakin.dev/posts/2018-01-25-how-does-proportional-cpu-allocation-work-with-aws-lambda/
PERIOD_SECONDS = 0.02
_TICK_SECONDS = 0.002
_STEM = "slsdeploy-bench-"
_ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Share:
    """A share of this machine's CPUs (1.0 is one of them; None: all it wants), and how it is enforced.

    `how` is "cgroup", "signals" or "none". `groups` are the files of the control group that a process joins by writing its number there.
    """

    cpus: float | None = None
    how: str = "none"
    groups: Sequence[Path] = ()

    async def hold(self, pid: int) -> None:
        """Keep a process to its share, where nothing else does; until cancelled."""
        if self.how == "signals" and self.cpus is not None:
            await _stop_and_go(pid, self.cpus)


UNLIMITED = Share()


@contextmanager
def find_share(cpus: float) -> Iterator[Share]:
    """Yield the best way that this machine has to give a process so many CPUs."""
    group = _make_group(cpus)
    if group is None:
        yield Share(cpus, "signals" if hasattr(signal, "SIGSTOP") else "none")
        return
    try:
        yield Share(cpus, "cgroup", (group / "cgroup.procs",))
    finally:
        _remove(group)


def _make_group(cpus: float) -> Path | None:
    """Make a control group (version 1 or 2) with that quota; None where that is not ours to do."""
    if sys.platform != "linux":
        return None
    quota, period = round(cpus * PERIOD_SECONDS * 1e6), round(PERIOD_SECONDS * 1e6)
    for parent, limits in (
        (_own_group("cpu"), {"cpu.cfs_period_us": str(period), "cpu.cfs_quota_us": str(quota)}),
        (_own_group(""), {"cpu.max": f"{quota} {period}"}),
    ):
        if parent is None:
            continue
        _sweep(parent)
        group = parent / f"{_STEM}{os.getpid()}-{round(cpus * 1000)}"
        try:
            group.mkdir(exist_ok=True)
            for name, text in limits.items():
                # the kernel makes these files with the folder; one that is missing is not to be made
                with (group / name).open("r+") as file:
                    file.write(text)
        except OSError:
            _remove(group)
            continue
        return group
    return None


def _own_group(controller: str) -> Path | None:
    """Return the folder of our own group for a controller of version 1, or of version 2 ("")."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
            _, controllers, path = line.split(":", 2)
            if controller in controllers.split(","):
                folders = [_ROOT / controllers, _ROOT / controller, _ROOT / "unified", _ROOT]
                return next((f / path[1:] for f in folders if (f / path[1:] / "cgroup.procs").is_file()), None)
    return None


def _sweep(parent: Path) -> None:
    """Remove what a measurement that was killed has left: an empty group goes, one in use stays by itself."""
    for left in parent.glob(f"{_STEM}*"):
        pid = left.name.removeprefix(_STEM).split("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            with contextlib.suppress(OSError):
                left.rmdir()


def _remove(group: Path) -> None:
    """Remove a group once its last process is gone, which the kernel may take a moment to notice."""
    for _ in range(50):
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)
        else:
            return


async def _stop_and_go(pid: int, cpus: float) -> None:
    """Stop the process while it is ahead of its share; a period that it did not use up is lost to it, as a quota's is."""
    began, used, stopped = time.perf_counter(), cpu_seconds(pid), False
    try:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            now, spent = time.perf_counter(), cpu_seconds(pid) - used
            ahead = spent - cpus * max(now - began, PERIOD_SECONDS)
            if stopped != (ahead > 0):
                stopped = not stopped
                os.kill(pid, signal.SIGSTOP if stopped else signal.SIGCONT)
            if not stopped and now - began > PERIOD_SECONDS:
                began, used = now, used + spent
    except (ProcessLookupError, psutil.Error, OSError):
        return
    finally:
        if stopped:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGCONT)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, all threads; to the nanosecond on Linux, whose clock of another process has this number.

    https://man7.org/linux/man-pages/man3/clock_getcpuclockid.3.html
    """
    if hasattr(time, "pthread_getcpuclockid"):  # not on macOS
        return time.clock_gettime((~pid << 3) | 2)
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
