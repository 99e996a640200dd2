"""The function's memory size -> how many threads inference may use."""

from __future__ import annotations

import os

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
MEGABYTES_PER_VCPU = 1769


def threads() -> int:
    """Return one thread per vCPU that the memory size buys, rounded; outside Lambda, one per processor.

    A thread that the CPU quota cannot carry makes every parallel operator wait for the scheduler, so this is not the
    number of processors seen (Lambda shows two to every function of up to 3,008 MB).
    """
    memory = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    if not memory:
        return os.cpu_count() or 1
    return max(1, round(int(memory) / MEGABYTES_PER_VCPU))


def can_spin(threads: int) -> bool:
    """Say whether threads that wait for work may do so busily.

    That saves a few microseconds for each operator while every thread has a whole vCPU. With less (two threads on 1.5 vCPUs) it burns the
    quota that the work needs: measured, the median was 4 ms instead of 6, and each tenth run 15 to 32 ms instead of 8.
    """
    memory = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    return not memory or threads * MEGABYTES_PER_VCPU <= int(memory)


def limit_openblas() -> None:
    """Let numpy's OpenBLAS start as many threads as the memory size buys; to be called before numpy is imported, which starts them.

    By itself it starts one for each processor that it sees. 2026-11-21, at 1,769 MB on two processors: the first answer came after 191
    instead of 244 ms (medians of 7, in turns).
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", str(threads()))
