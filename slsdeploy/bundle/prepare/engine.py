"""Which onnxruntime prepares and measures: the very one that ships where this machine can run it, else our own of the same version.

It runs in processes of its own: a session is measured as it starts on Lambda, in a fresh process, and a model that ends the process ends
no build.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from slsdeploy import assets
from slsdeploy.bundle import packages as installed
from slsdeploy.bundle.lock import Section
from slsdeploy.bundle.packages import Packages
from slsdeploy.errors import ToolError
from slsdeploy.project import can_run, host_architecture
from slsdeploy.tools import TIMED_OUT, Tools
from slsdeploy.types import Project

# SYSTEMROOT: nothing starts on Windows without it
_OF_THIS_MACHINE = ("PATH", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP")

# What a system without memory ends a process with, and what is said without memory or room.
_SIGKILL = 9
_SCARCE = ("No space left", "Disk quota", "bad_alloc", "bad allocation", "MemoryError", "Failed to allocate")
OURS = (sys.executable, "-P", "-s")


class EngineError(Exception):
    """onnxruntime did not do what it was asked to; says in one line why.

    `is_passing`: for want of memory or room on the disk, which says nothing about the model.
    """

    def __init__(self, reason: str, *, is_passing: bool = False) -> None:
        super().__init__(reason)
        self.is_passing = is_passing


@dataclass(frozen=True, slots=True)
class Engine:
    """A Python with onnxruntime: its version, how it is started, the folders it imports from, whether it has the target's architecture."""

    version: str
    argv: tuple[str, ...]
    folders: Callable[[Tools], tuple[Path, ...]]
    memory: int
    is_targets: bool

    @property
    def platform(self) -> str:
        return f"{platform.system()} {platform.machine()}"

    def make_ready(self, tools: Tools) -> None:
        """Have the folders that it imports from made, unless they are there: whoever measures begins with that."""
        self.folders(tools)

    def run(self, script: str, job: Mapping[str, Any], tools: Tools, limit: float | None = None) -> dict[str, Any]:
        """Have a script of this folder do a job, in `limit` seconds; return its answer. Raises EngineError."""
        kept = {name: os.environ[name] for name in _OF_THIS_MACHINE if name in os.environ}
        environment = {
            **kept,
            "PYTHONPATH": os.pathsep.join(map(str, (*self.folders(tools), assets.runtime().parent))),
            "PYTHONDONTWRITEBYTECODE": "1",
            "ORT_DISABLE_TELEMETRY": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory),
        }
        with tempfile.TemporaryDirectory(prefix="slsdeploy-") as scratch:
            asked, answer = Path(scratch, "job.json"), Path(scratch, "answer.json")
            asked.write_text(json.dumps(job, default=str), encoding="utf-8")
            argv = [*self.argv, str(Path(__file__).with_name(script)), str(asked), str(answer)]
            try:
                done = tools.shell.run(argv, cwd=Path(scratch), env=environment, inherit=False, limit=limit)
            except ToolError as error:
                raise EngineError(error.message) from error
            if done.code == TIMED_OUT and limit is not None:
                raise EngineError(f"it takes longer than {limit:.0f} s")
            if done.code != 0 or not answer.is_file():
                raise _failure(done.code, done.stderr)
            said: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
        return said


def shipped(section: Section) -> str:
    """Return the version of onnxruntime that the bundle gets ("" when it gets none)."""
    pins = (package.requirement.split(";")[0].strip().partition("==") for package in section.packages)
    return next((pinned for name, _, pinned in pins if name == "onnxruntime"), "")


def find(project: Project, packages: Packages) -> Engine | None:
    """Return what runs the bundle's onnxruntime here; None when nothing does."""
    wanted, memory = shipped(packages.section), project.config.memory

    def folders(tools: Tools) -> tuple[Path, ...]:
        return (installed.keep(packages, project, tools).tree / packages.place,)

    if can_run(project):
        argv = (str(project.target.interpreter), "-P", "-s", "-S")
        return Engine(wanted, argv, folders, memory, is_targets=True)
    if version("onnxruntime") != wanted:
        return None
    return host(project)


def host(project: Project) -> Engine:
    """Return this machine's own."""
    is_targets = host_architecture() == project.target.architecture
    return Engine(version("onnxruntime"), OURS, _nothing, project.config.memory, is_targets)


def _nothing(tools: Tools) -> tuple[Path, ...]:
    """Our own Python finds its packages by itself."""
    return ()


def ours(engine: Engine) -> Engine:
    """Return this machine's own in the place of another."""
    return replace(engine, version=version("onnxruntime"), argv=OURS, folders=_nothing)


def processor() -> str:
    """Return a digest of what this machine's processor says of itself, such that another kind of it has another."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    said = [line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))]
    return sha256("\n".join([platform.processor(), *dict.fromkeys(said)]).encode()).hexdigest()


def _failure(code: int, stderr: str) -> EngineError:
    if code < 0:
        return EngineError(f"the process was killed by signal {-code}", is_passing=-code == _SIGKILL)
    lines = [line for line in stderr.strip().splitlines() if line.strip()]
    reason = " ".join(lines[-1].split())[:300] if lines else f"the process ended with code {code}"
    return EngineError(reason, is_passing=any(words in stderr for words in _SCARCE))
