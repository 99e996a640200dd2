"""`include` and `exclude` -> the patterns that match nothing in the project folder, each with the path that was perhaps meant.

Folders that are left out are not looked into: nothing in them ships, whatever else names them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from pathspec import GitIgnoreSpec

from slsdeploy.bundle.select import NEVER
from slsdeploy.types import Project

Key = Literal["include", "exclude"]
_LOOKED_AT = 2000  # paths that a misspelt pattern is compared with


@dataclass(frozen=True, slots=True)
class Idle:
    """A pattern that matches nothing, and paths of the project; `is_excluded`: it would match, if `exclude` did not."""

    key: Key
    index: int
    pattern: str
    paths: tuple[str, ...]
    is_excluded: bool


def idle(project: Project) -> list[Idle]:
    """Return them. The project's files are walked only as far as some pattern has not matched anything yet."""
    config = project.config
    stated: dict[tuple[Key, int], str] = {("include", index): text for index, text in enumerate(config.include)}
    stated |= {("exclude", index): text for index, text in enumerate(config.exclude)}
    waiting = {key: GitIgnoreSpec.from_lines([text.removeprefix("!")]) for key, text in stated.items() if _says(text)}
    if not waiting:
        return []
    for path, ships in _paths(project.root, GitIgnoreSpec.from_lines([*NEVER, *config.exclude])):
        matched = [key for key, spec in waiting.items() if (ships or key[0] == "exclude") and spec.match_file(path)]
        for key in matched:
            del waiting[key]
        if not waiting:
            return []
    seen = tuple(islice((path for path, ships in _paths(project.root, GitIgnoreSpec.from_lines(NEVER))), _LOOKED_AT))
    return [Idle(*key, stated[key], seen, any(map(spec.match_file, seen))) for key, spec in waiting.items()]


def _says(pattern: str) -> bool:
    return bool(pattern.strip()) and not pattern.startswith("#")


def _paths(root: Path, out: GitIgnoreSpec) -> Iterator[tuple[str, bool]]:
    """Yield files, and folders with a slash behind them, and whether what is there may ship."""
    for folder, names, files in _walk(root):
        here = Path(folder).relative_to(root).as_posix()
        prefix = "" if here == "." else f"{here}/"
        for name in (f"{prefix}{name}/" for name in sorted(names)):
            yield name, not out.match_file(name)
        names[:] = sorted(name for name in names if not out.match_file(f"{prefix}{name}/"))
        for name in (f"{prefix}{name}" for name in sorted(files)):
            yield name, not out.match_file(name)


def _walk(root: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Walk like `os.walk`, into links to folders of the project too, but not into those within them: what is outside cannot ship."""
    for folder, names, files in os.walk(root):
        yield folder, names, files
        for name in names:
            linked = Path(folder) / name
            if linked.is_symlink() and linked.resolve().is_relative_to(root):
                yield from os.walk(linked)
