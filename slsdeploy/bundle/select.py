"""Project folder -> which of its files ship as code: `**/*.py` when there is a handler, and `include`, without `exclude`.

Patterns are those of .gitignore. Left out by themselves: tests, environments, caches, this tool's own files, `.env`, and the
models, which are a part of their own. Links that stay in the project ship as what they point to; one that leaves it is refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pathspec import GitIgnoreSpec

from slsdeploy.config import FILE
from slsdeploy.errors import ProjectError
from slsdeploy.types import Project

# Never, whatever `include` says.
NEVER = (
    *(".git/", ".hg/", ".svn/", ".slsdeploy/", "slsdeploy.toml", "slsdeploy.lock", ".env", ".env.*"),
    *(".venv/", "venv/", "node_modules/", "__pycache__/", "*.pyc", ".*_cache/", ".tox/", ".nox/", ".DS_Store"),
)
# Not by the default `**/*.py`, but where `include` names them.
UNASKED = (
    *("tests/", "test/", "test_*.py", "*_test.py", "conftest.py", "noxfile.py", "setup.py"),
    *("build/", "dist/", "*.egg-info/", ".*/"),
)


@dataclass(frozen=True, slots=True)
class Stray:
    """What cannot ship: a link that leaves the project folder ("outside") or points "nowhere", or what is no file ("special")."""

    path: str
    why: Literal["outside", "nowhere", "special"]

    def refusal(self) -> ProjectError:
        """Return what is wrong with it."""
        out = f'leave it out: exclude = ["{self.path}"]'
        match self.why:
            case "nowhere":
                return ProjectError(f"{self.path} is a link that points nowhere", "mend or remove it", self.path)
            case "special":
                return ProjectError(f"{self.path} is a pipe, a socket or a device, and no file", out, self.path)
        hint = f"copy what it points to into the project folder, or {out}"
        return ProjectError(f"{self.path} is a link that leaves the project folder", hint, self.path)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The files that ship as code, relative to the project folder, sorted; and what may not."""

    files: tuple[Path, ...]
    strays: tuple[Stray, ...]


@dataclass(frozen=True, slots=True)
class _Rules:
    code: GitIgnoreSpec
    include: GitIgnoreSpec
    never: GitIgnoreSpec
    unasked: GitIgnoreSpec
    is_searched: bool

    @classmethod
    def of(cls, project: Project) -> _Rules:
        config = project.config
        return cls(
            code=_spec("*.py" if project.handler else ""),
            include=_spec(*config.include),
            never=_spec(*NEVER, *config.exclude, *_copies(project)),
            unasked=_spec(*UNASKED),
            is_searched=bool(project.handler or config.include),
        )

    def is_wanted(self, path: str) -> bool:
        if self.never.match_file(path):
            return False
        return self.include.match_file(path) or (self.code.match_file(path) and not self.unasked.match_file(path))


def code_files(project: Project, model_files: frozenset[Path] = frozenset()) -> list[Path]:
    """Return the files that ship as code, relative to the project folder, sorted; `model_files` (resolved) are not among them.

    Raises ProjectError when one of them is a link that leaves the project folder, or a handler is named that is not there.
    """
    chosen = choose(project, model_files)
    for stray in chosen.strays:
        raise stray.refusal()
    _check_handler(project, chosen.files)
    return list(chosen.files)


def choose(project: Project, model_files: frozenset[Path] = frozenset()) -> Chosen:
    """Return what `code_files` does, and the links that it refuses."""
    rules = _Rules.of(project)
    found = list(_search(project.root, rules)) if rules.is_searched else []
    files = (Path(path) for path in found if isinstance(path, str))
    selected = [path for path in files if (project.root / path).resolve() not in model_files]
    strays = tuple(each for each in found if isinstance(each, Stray))
    return Chosen(tuple(sorted(selected, key=lambda path: path.as_posix())), strays)


def _copies(project: Project) -> list[str]:
    """Return the pattern of the folder that stands for the file system: what is there does not ship."""
    system = project.config.file_system
    return [re.sub(r"([*?\[\]\\])", r"\\\1", f"/{system.local.as_posix()}/")] if system else []


def _search(root: Path, rules: _Rules) -> Iterator[str | Stray]:
    """Yield what is wanted, not going into folders that never ship."""
    for folder, names, files in os.walk(root):
        here = Path(folder).relative_to(root).as_posix()
        prefix = "" if here == "." else f"{here}/"
        names[:] = sorted(name for name in names if not rules.never.match_file(f"{prefix}{name}/"))
        for name in list(names):
            if (Path(folder) / name).is_symlink():
                names.remove(name)
                yield from _linked(root, f"{prefix}{name}", rules)
            elif (Path(folder) / name / "pyvenv.cfg").is_file():
                names.remove(name)
        for name in files:
            if rules.is_wanted(f"{prefix}{name}"):
                yield _stray(root, f"{prefix}{name}") or f"{prefix}{name}"


def _linked(root: Path, path: str, rules: _Rules) -> Iterator[str | Stray]:
    """Yield what is wanted of a linked folder, under the link's name; links to folders within it are not followed."""
    if rules.unasked.match_file(f"{path}/") and not rules.include.match_file(f"{path}/"):
        return
    stray = _stray(root, path)
    if stray:
        yield stray
        return
    for folder, _, files in os.walk(root / path):
        for name in files:
            inner = (Path(folder) / name).relative_to(root).as_posix()
            if rules.is_wanted(inner):
                yield _stray(root, inner) or inner


def _stray(root: Path, path: str) -> Stray | None:
    found = root / path
    if not found.exists():
        return Stray(path, "nowhere")
    if not found.resolve().is_relative_to(root):
        return Stray(path, "outside")
    return None if found.is_file() or found.is_dir() else Stray(path, "special")


def _check_handler(project: Project, selected: Sequence[Path]) -> None:
    if project.handler is None:
        return
    path = project.handler.path.relative_to(project.root)
    if not project.handler.path.is_file():
        hint = f"write it, or remove `handler`: without one, {project.name} answers with the model's own signature"
        raise ProjectError(f"there is no {path.as_posix()}, which `handler` names", hint, path.as_posix())
    if path not in selected:
        hint = "remove the pattern from `exclude`, or name the module and its folder otherwise"
        raise ProjectError(f"the handler {path.as_posix()} is left out of the bundle", hint, path.as_posix())


def _spec(*patterns: str) -> GitIgnoreSpec:
    try:
        return GitIgnoreSpec.from_lines(pattern for pattern in patterns if pattern)
    except ValueError as error:
        hint = "`include` and `exclude` take patterns as .gitignore does: https://git-scm.com/docs/gitignore#_pattern_format"
        raise ProjectError(str(error), hint, FILE) from None
