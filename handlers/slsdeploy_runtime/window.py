"""How long the environment may go on initialising before Lambda kills it and begins again."""

from __future__ import annotations

import os
import time
from time import perf_counter

from slsdeploy_runtime import STARTED

# of the 10 s that extensions, the runtime and the function have together:
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib
SECONDS = 8.5


def seconds_left() -> float | None:
    """Return the seconds that are left; None where nothing ends early (SnapStart, provisioned concurrency, outside Lambda).

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
    """
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "on-demand":
        return None
    return max(0.0, SECONDS - _age())


def _age() -> float:
    """Return how long this process is running: Python and the runtime's client started before our first line.

    https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    try:
        with open("/proc/self/stat", encoding="ascii") as file:
            ticks = int(file.read().rpartition(")")[2].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError):  # not Linux
        return perf_counter() - STARTED
