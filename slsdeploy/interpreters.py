"""Finds a CPython of a wanted minor version on this machine: to compile a bundle's bytecode, and to run local functions.

Looked at in this order: `SLSDEPLOY_PYTHON`, this very Python, `PATH`, pyenv's versions, uv's. Each candidate is run and asked
what it is, since a file called python3.13 may be a shim that fails. Must not install anything.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from slsdeploy.errors import ToolError
from slsdeploy.tools import Shell

OVERRIDE = "SLSDEPLOY_PYTHON"

_ASK = (
    "import os, sys; print(sys.implementation.name, '%d.%d' % sys.version_info[:2], "
    "os.path.realpath(getattr(sys, '_base_executable', None) or sys.executable))"
)


def find_interpreter(minor: str, shell: Shell) -> Path | None:
    """Return a CPython of this minor version ("3.13"), or None; never a virtual environment's, but the one it was made from."""
    for candidate in _candidates(minor, shell):
        found = _ask(candidate, minor, shell)
        if found is not None:
            return found
    return None


def host_interpreter() -> Path:
    """Return the Python that runs this tool, outside of its virtual environment."""
    return Path(getattr(sys, "_base_executable", None) or sys.executable).resolve()


def host_minor() -> str:
    """Return the minor version of the Python that runs this tool ("3.11")."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _candidates(minor: str, shell: Shell) -> Iterator[Path]:
    """Yield files that may be the wanted interpreter, the cheapest to find first."""
    override = os.environ.get(OVERRIDE)
    if override:
        yield Path(override)
    if minor == host_minor():
        yield host_interpreter()
    name = f"python{minor}.exe" if os.name == "nt" else f"python{minor}"
    for folder in os.get_exec_path():
        # pyenv's shims cost a shell each and often fail; what they stand for is found below.
        if Path(folder).name != "shims" and (Path(folder) / name).is_file():
            yield Path(folder) / name
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from _newest_first(pyenv / "versions", f"{minor}*", minor)
    uv = _uv_folder(shell)
    if uv is not None:
        yield from _newest_first(uv, f"cpython-{minor}.*", minor)


def _newest_first(folder: Path, pattern: str, minor: str) -> Iterator[Path]:
    for version in sorted(folder.glob(pattern), key=_patch, reverse=True):
        for place in (f"bin/python{minor}", "python.exe"):
            if (version / place).is_file():
                yield version / place


def _patch(folder: Path) -> list[int]:
    """Sort "3.13.10" after "3.13.9", and "cpython-3.13.1-linux" as 3.13.1."""
    version = folder.name.removeprefix("cpython-").split("-")[0]
    return [int(number) for number in version.split(".") if number.isdigit()]


def _uv_folder(shell: Shell) -> Path | None:
    try:
        from uv import find_uv_bin

        done = shell.run([find_uv_bin(), "python", "dir"])
    except (FileNotFoundError, ToolError):
        return None
    return Path(done.stdout.strip()) if done.code == 0 and done.stdout.strip() else None


def _ask(candidate: Path, minor: str, shell: Shell) -> Path | None:
    """Run it: a file may be a shim that fails, of another version, or not Python at all."""
    try:
        done = shell.run([str(candidate), "-I", "-S", "-c", _ASK])
    except ToolError:
        return None
    words = done.stdout.strip().split(" ", 2)
    if done.code != 0 or len(words) != 3 or words[:2] != ["cpython", minor]:
        return None
    return Path(words[2])
