"""What the user asks of `bench`, checked: the words of the command line -> `Asked`.

Raises ProjectError, which names the option, what was found and what is expected.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from slsdeploy import pages
from slsdeploy.errors import ProjectError

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
MEMORY_MIN, MEMORY_MAX = 128, 10_240
RUNS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """How many cold starts are measured, on which event (None: a sample), in which memory sizes (MB), and where the page goes."""

    runs: int = 10
    event: bytes | None = None
    memory: tuple[int, ...] = ()
    html: Path | None = None


def check(runs: int, event: str | None, memory: str | None, html: str | None) -> Asked:
    """Understand the options."""
    if not 1 <= runs <= RUNS_MAX:
        raise ProjectError(f"{runs} runs cannot be measured", f"a number from 1 to {RUNS_MAX}", "--runs")
    return Asked(
        runs, None if event is None else _event(event), _sizes(memory), None if html is None else pages.place(html)
    )


def _sizes(memory: str | None) -> tuple[int, ...]:
    if memory is None:
        return ()
    sizes = []
    for word in memory.split(","):
        size = int(word) if word.strip().isdecimal() else 0
        if not MEMORY_MIN <= size <= MEMORY_MAX:
            hint = f"whole numbers of MB from {MEMORY_MIN} to {MEMORY_MAX:,}, with commas between: --memory 512,1024"
            raise ProjectError(f"{word.strip()!r} is not a memory size of Lambda", hint, "--memory")
        sizes.append(size)
    return tuple(sorted(set(sizes)))


def _event(source: str) -> bytes:
    try:
        event = Path(source).read_bytes()
    except OSError as error:
        hint = "--event takes a file with the event that the function gets"
        raise ProjectError(f"cannot read the event: {error.strerror}", hint, source) from error
    try:
        json.loads(event)
    except (ValueError, RecursionError) as error:
        raise ProjectError(f"the event is not JSON: {error}", "Lambda takes events in JSON", source) from error
    return event
