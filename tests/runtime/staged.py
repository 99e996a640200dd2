"""A model format for tests: it loads and runs as it is told, by the model's name. Every session doubles its inputs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

PLATFORM = "staged"

# by model: what to do when it is loaded, when it is run; each may wait or raise
on_load: dict[str, Callable[[], None]] = {}
on_run: dict[str, Callable[[Options], None]] = {}
loads: list[str] = []  # names, in order
runs: list[str] = []


def reset() -> None:
    on_load.clear()
    on_run.clear()
    loads.clear()
    runs.clear()


def engine() -> None: ...


class Options:
    terminate = False


class Session:
    def __init__(self, name: str) -> None:
        self.name = name
        self.dims: Mapping[str, Sequence[int | str | None]] = {"x": (None, 2), "y": (None, 2)}

    def run(self, inputs: Mapping[str, Any], options: Options | None = None) -> dict[str, Any]:
        runs.append(self.name)
        if self.name in on_run:
            on_run[self.name](options or Options())
        return {"y": np.asarray(inputs["x"]) * 2}

    def options(self) -> Options:
        return Options()


def load(path: str, threads: int, settings: Mapping[str, Any]) -> Session:
    name = Path(path).stem
    loads.append(name)
    if name in on_load:
        on_load[name]()
    return Session(name)


def until_ended(options: Options) -> None:
    """Run until somebody ends it, 10 s at most."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if options.terminate:
            raise RuntimeError("ended")
        time.sleep(0.005)
