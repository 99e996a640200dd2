"""Modules of packages -> which of them import, found out in fresh processes of the target's Python that know nothing of this user.

A module that ends its process, or takes too long, is one that does not import; the rest is tried in another process.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slsdeploy.bundle.slim import import_packages
from slsdeploy.bundle.slim.installed import Installed
from slsdeploy.tools import TIMED_OUT, Tools

# SYSTEMROOT: nothing starts on Windows without it
_OF_THIS_MACHINE = ("PATH", "SYSTEMROOT")
_DEATHS = 8  # processes that may end before their time
_NOT_MODULES = frozenset({"__main__", "conftest", "setup", "tests", "test"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What importing gave: what is wrong with each module that was tried ("" when nothing is), Python's version, seconds taken."""

    modules: Mapping[str, str]
    python: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Importer:
    """A Python, the packages that it imports from, a folder for whatever the modules write."""

    python: Path
    packages: Path
    scratch: Path
    tools: Tools = field(repr=False)

    def run(self, modules: Sequence[str], limit: float, budget: float = 0.0) -> Answer:
        """Import modules; `limit` is in seconds, for each process; after `budget` no other is begun."""
        began, said, version = time.monotonic(), dict[str, str](), ""
        for _ in range(_DEATHS):
            left = [name for name in modules if name not in said]
            if not left or (budget and time.monotonic() - began > budget):
                break
            version, found = self._start(left, limit)
            said |= found
            if not found:
                break
        return Answer(said, version, time.monotonic() - began)

    def _start(self, modules: Sequence[str], limit: float) -> tuple[str, Mapping[str, str]]:
        with tempfile.TemporaryDirectory(prefix="import-", dir=self.scratch) as folder:
            asked, answer = Path(folder, "modules.json"), Path(folder, "answer.jsonl")
            asked.write_text(json.dumps(list(modules)), encoding="utf-8")
            argv = [str(self.python), "-P", "-s", "-S", import_packages.__file__, str(asked), str(answer)]
            env = _environment(self.packages, folder)
            done = self.tools.shell.run(argv, cwd=Path(folder), env=env, inherit=False, limit=limit)
            lines = _lines(answer)
        version = str(lines.pop(0)) if lines else ""
        found = {line[0]: line[1] for line in lines if len(line) == 2}
        begun = [line[0] for line in lines if len(line) == 1 and line[0] not in found]
        return version, {**found, **{name: _ending(done.code, limit) for name in begun}}


def modules_of(installed: Installed) -> list[str]:
    """Return the modules to be tried: the outermost and the public ones in them, the outermost first."""
    spaces = {name.partition(".")[0] for name in installed.modules} - installed.modules.keys()

    def level(name: str) -> int:
        return name.count(".") - (name.partition(".")[0] in spaces)

    found = [name for name in installed.modules if level(name) <= 1 and _is_public(name, level(name))]
    return sorted(found, key=lambda name: (level(name), name))


def _is_public(name: str, level: int) -> bool:
    inner = name.split(".")[1:] if level > 0 else []
    return not any(part.startswith("_") for part in inner) and name.rpartition(".")[2] not in _NOT_MODULES


def _ending(code: int, limit: float) -> str:
    if code == TIMED_OUT:
        return f"importing it takes longer than {limit:.0f} s"
    return f"importing it ends the process with {f'signal {-code}' if code < 0 else f'code {code}'}"


def _lines(path: Path) -> list[list[str]]:
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError):
        return []


def _environment(packages: Path, home: str) -> Mapping[str, str]:
    return dict(_variables(packages, home))


def _variables(packages: Path, home: str) -> Iterator[tuple[str, str]]:
    yield from ((name, os.environ[name]) for name in _OF_THIS_MACHINE if name in os.environ)
    yield from (("HOME", home), ("TMPDIR", home), ("TEMP", home), ("PYTHONPATH", str(packages)))
    yield from (("PYTHONDONTWRITEBYTECODE", "1"), ("PYTHONHASHSEED", "0"))
    # modules may look for credentials; there are none, not even those of a machine of AWS
    yield from (("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_DEFAULT_REGION", "us-east-1"))
    yield from (("ORT_DISABLE_TELEMETRY", "1"), ("OPENBLAS_NUM_THREADS", "1"), ("POWERTOOLS_TRACE_DISABLED", "1"))
