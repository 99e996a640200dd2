"""When this environment's start got where: a mark at the end of each phase, for whoever measures it (`slsdeploy bench`).

A mark is a name and `perf_counter()`, which on Linux is CLOCK_MONOTONIC and so one time line for all processes. It costs less
than a microsecond. Standard library only, and nothing is imported for it but on being asked.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

from slsdeploy_runtime import STARTED

_marks: list[tuple[str, float]] = []


def mark(name: str) -> None:
    """Say that the phase of this name ends now. Several of one name add up."""
    _marks.append((name, perf_counter()))


def report() -> dict[str, Any]:
    """Return the marks (seconds), when our first line ran, and the memory in use and at its highest (bytes)."""
    return {"started": STARTED, "marks": [list(each) for each in _marks], "memory": _memory()}


def _memory() -> dict[str, int | None]:
    """Return the resident memory as Linux tells it; elsewhere only its highest.

    https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
    """
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            lines = dict(line.split(":", 1) for line in status)
        return {"rss": int(lines["VmRSS"].split()[0]) * 1024, "peak": int(lines["VmHWM"].split()[0]) * 1024}
    except (OSError, KeyError, ValueError):
        return {"rss": None, "peak": _highest()}


def _highest() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    import sys

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
