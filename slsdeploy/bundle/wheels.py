"""Requirements -> packages for the target, by uv: resolved (once: see `resolution`), installed from the lock, binary wheels only.

Nothing of this machine's platform or Python gets in: uv is told the target's, and may not build anything.
"""

from __future__ import annotations

import re
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from slsdeploy.bundle import lock, refusal, stated_hashes
from slsdeploy.bundle.lock import Package, Section
from slsdeploy.bundle.requirements import Requirements
from slsdeploy.commands import command
from slsdeploy.errors import BuildError, ToolError
from slsdeploy.tools import Completed, Tools
from slsdeploy.types import Project, Target

if TYPE_CHECKING:
    from packaging.tags import Tag

# Where else a wheel might be had, for the message when there is none for the target.
_PLATFORMS = {
    "Linux x86_64": "x86_64-manylinux_2_34",
    "Linux arm64": "aarch64-manylinux_2_34",
    "macOS arm64": "aarch64-apple-darwin",
    "macOS x86_64": "x86_64-apple-darwin",
    "Windows": "x86_64-pc-windows-msvc",
}
_ENVIRONMENT = {"UV_PYTHON_DOWNLOADS": "never", "NO_COLOR": "1", "UV_NO_PROGRESS": "1"}
_PASSWORD = re.compile(r"//[^/@\s]*@")
_PYTHONS = ("3.14", "3.13", "3.12", "3.11", "3.10")


@dataclass(frozen=True, slots=True)
class Wheel:
    """A file that a package may be installed from: its name, what that says (the package's name as it is compared), its "sha256:..."."""

    file: str
    name: str
    version: str
    tags: Set[Tag]
    digest: str


def resolve(project: Project, requirements: Requirements, keep: Iterable[Package], tools: Tools) -> tuple[Package, ...]:
    """Resolve the requirements for the project's target; the versions of `keep` stay where they fit.

    Raises BuildError when something has no wheel for the target or nothing fits, ToolError when uv or the index fails.
    """
    target = project.target
    with tempfile.TemporaryDirectory(prefix="slsdeploy-") as scratch:
        wanted, pins = Path(scratch) / "requirements.in", Path(scratch) / "requirements.txt"
        exported = _export(project, tools) if requirements.exported else ""
        wanted.write_text(exported + "".join(f"{line}\n" for line in requirements.lines), encoding="utf-8")
        pins.write_text("".join(f"{package.requirement}\n" for package in keep), encoding="utf-8")
        arguments = ["pip", "compile", str(wanted), "--output-file", str(pins), "--generate-hashes"]
        done = _uv([*arguments, "--no-header", "--no-annotate", *_for(target)], project.root, tools)
        if done.code != 0:
            said = done.stderr.replace(str(wanted), requirements.origin or "the requirements")
            raise refusal.translate(said, requirements.origin, words(target), lambda name: _probe(name, target, tools))
        found = pins.read_text(encoding="utf-8")
    packages = lock.parse(found)
    editable = (line for line in found.splitlines() if line.startswith("-e "))
    for requirement in (*editable, *(package.requirement for package in packages)):
        check_origin(requirement, requirements.origin)
    return stated_hashes.keep(packages, exported.splitlines() or requirements.wanted, requirements.origin)


def install(section: Section, requirements: Requirements, folder: Path, project: Project, tools: Tools) -> None:
    """Install exactly what is locked into a folder.

    Raises BuildError when a file is not the one that was locked, ToolError when uv or the index fails.
    """
    with tempfile.TemporaryDirectory(prefix="slsdeploy-") as scratch:
        pins = Path(scratch) / "requirements.txt"
        pins.write_text("".join(f"{line}\n" for line in requirements.options) + section.text, encoding="utf-8")
        arguments = ["pip", "install", "--target", str(folder), "-r", str(pins), "--require-hashes", "--no-deps"]
        # copied: what is left out and made read-only here must not touch uv's own cache
        options = ["--link-mode", "copy", "--no-compile-bytecode", *_for(project.target)]
        done = _uv([*arguments, *options], project.root, tools)
    if done.code != 0:
        again = command(project, "lock", "--requirements")
        raise refusal.translate(
            done.stderr, lock.FILE, words(project.target), lambda name: _probe(name, project.target, tools), again
        )


def files(section: Section, requirements: Requirements, project: Project, tools: Tools) -> tuple[Wheel, ...]:
    """Return the wheels that fit the target, of what is locked, as uv's cache knows them after an install; none when it does not.

    Nothing is asked of an index: https://packaging.python.org/en/latest/specifications/pylock-toml/
    """
    with tempfile.TemporaryDirectory(prefix="slsdeploy-") as scratch:
        pins, answer = Path(scratch) / "requirements.in", Path(scratch) / "pylock.toml"
        locked = "".join(f"{package.requirement}\n" for package in section.packages)
        pins.write_text("".join(f"{line}\n" for line in requirements.options) + locked, encoding="utf-8")
        arguments = ["pip", "compile", str(pins), "--output-file", str(answer), "--no-deps", "--offline"]
        done = _uv([*arguments, *_for(project.target)], project.root, tools)
        try:
            found = tomllib.loads(answer.read_text(encoding="utf-8")) if done.code == 0 else {}
        except (OSError, ValueError):
            return ()
    return tuple(wheel for package in found.get("packages", ()) for wheel in _wheels(package.get("wheels", ())))


def _wheels(said: Iterable[Mapping[str, Any]]) -> Iterator[Wheel]:
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    for each in said:
        file = each.get("name") or unquote(PurePosixPath(each.get("url") or each.get("path") or "").name)
        try:
            name, version, _, tags = parse_wheel_filename(file)
        except InvalidWheelFilename:
            continue
        yield Wheel(file, name, str(version), tags, f"sha256:{each.get('hashes', {}).get('sha256', '')}")


def words(target: Target) -> str:
    """Say what a target is, for messages."""
    return f"Python {target.python} on {target.platform}"


def _for(target: Target) -> list[str]:
    options = ["--python-platform", target.platform, "--python-version", target.python, "--only-binary", ":all:"]
    # uv wants an interpreter to look at; it decides nothing here
    return [*options, "--python", sys.executable, "--quiet"]


def _export(project: Project, tools: Tools) -> str:
    """Return the pins of the project's uv.lock as requirements with hashes, without development's."""
    arguments = ["export", "--frozen", "--no-dev", "--no-emit-project", "--no-header", "--no-annotate"]
    done = _uv([*arguments, "--python", sys.executable, "--quiet"], project.root, tools)
    if done.code != 0:
        raise refusal.translate(done.stderr, "uv.lock", words(project.target), lambda _: [])
    return done.stdout + "\n"


def check_origin(requirement: str, origin: str) -> None:
    """Refuse what is no wheel: a repository; a path of this machine, which may lie outside of the project, where no one else could build.

    Raises BuildError.
    """
    source = requirement.split("@", 1)[-1].strip()
    if source.startswith(("file:", ".", "/", "-e", "git+", "hg+", "svn+", "bzr+")):
        what = "a repository" if "+" in source.partition(":")[0] else "a path on this machine"
        asked = _PASSWORD.sub("//", source.removeprefix("-e ").strip())
        hint = f"{refusal.wheel_of(asked)}; or put the module itself into the project folder"
        message = f"{_PASSWORD.sub('//', requirement)} is {what}, not a package that has a wheel"
        raise BuildError(message, hint, origin)


def _probe(requirement: str, target: Target, tools: Tools) -> list[str]:
    """Ask the index, through uv, which platforms and Pythons a requirement has a wheel for."""

    def is_there(platform: str, python: str) -> bool:
        with tempfile.TemporaryDirectory(prefix="slsdeploy-") as scratch:
            wanted = Path(scratch) / "requirements.in"
            wanted.write_text(f"{requirement}\n", encoding="utf-8")
            other = Target(python, target.architecture, platform)
            return _uv(["pip", "compile", str(wanted), "--no-deps", *_for(other)], Path(scratch), tools).code == 0

    platforms = [name for name, platform in _PLATFORMS.items() if is_there(platform, target.python)]
    if platforms:
        return [f"for Python {target.python} it has wheels for {', '.join(platforms)}"]
    pythons = [python for python in _PYTHONS if python != target.python and is_there(target.platform, python)]
    return [f"for {target.platform} it has wheels for Python {', '.join(pythons)}"] if pythons else []


def _uv(arguments: list[str], folder: Path, tools: Tools) -> Completed:
    return tools.shell.run([_find_uv(), *arguments], cwd=folder, env=_ENVIRONMENT)


def _find_uv() -> str:
    from uv import find_uv_bin

    try:
        return find_uv_bin()
    except FileNotFoundError:
        hint = "it comes with slsdeploy: install that again, or `pip install uv`"
        raise ToolError("there is no uv on this machine", hint, "uv") from None
