"""Runs in the child, before the function's Python: takes its share of the CPU, notes the time, becomes the runtime client.

Standard library only, and little of it. One argument, JSON: `argv`, `env`, `cwd`, `times` (the file for the time, see `start`),
`groups` (files of control groups to join, which limit the CPU).
"""

# ruff: noqa: PTH123
from __future__ import annotations

import json
import os
import signal
import sys
import time

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Do what the argument says."""
    spec = json.loads(sys.argv[1])
    if sys.platform == "linux":
        import ctypes

        # It must not outlive the one who measures, least of all while it is stopped.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    for group in spec["groups"]:
        with open(group, "w") as members:
            members.write(str(os.getpid()))
    os.chdir(spec["cwd"])
    with open(spec["times"], "w") as times:
        times.write(f"{time.perf_counter()!r}\n")
    os.execve(spec["argv"][0], spec["argv"], spec["env"])  # noqa: S606


main()
