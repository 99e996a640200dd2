"""Putting a finished bundle in its place: one build of a stage at a time, and the old bundle or the new one, never half of either."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from slsdeploy.bundle import archive, facts, tree
from slsdeploy.bundle.parts import Kept
from slsdeploy.errors import BuildError
from slsdeploy.tools import Tools

_DRAFT = ".draft-"
_OLD = ".old-"


@contextmanager
def exclusive(work: Path, tools: Tools, what: str = "build") -> Iterator[None]:
    """Hold the stage's folder for one build (or deployment); another one waits.

    The system lets go of it when the process ends, however it does.
    """
    work.mkdir(parents=True, exist_ok=True)
    _ignore(work.parent)
    with (work / f".{what}.lock").open("w") as stream:
        try:
            import fcntl
        except ImportError:  # Windows: renames are atomic all the same
            yield
            return
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with tools.reporter.waiting(f"wait for another {what} of this project"):
                fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextmanager
def draft(work: Path) -> Iterator[Path]:
    """Give a folder to make a bundle in; what killed builds left is removed first, and this one's when it fails."""
    for left in [*work.glob(f"{_DRAFT}*"), *work.glob(f"{_OLD}*")]:
        tree.remove(left)
    folder = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=work))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        tree.remove(folder)


def replace(folder: Path, by: Path) -> None:
    """Put a finished draft in the place of a folder."""
    old = folder.with_name(f"{_OLD}{by.name.removeprefix(_DRAFT)}")
    if folder.exists():
        folder.rename(old)
    by.rename(folder)
    tree.remove(old)


def lay_out(parts: Iterable[Kept], folder: Path) -> None:
    """Put the files of all parts into one folder, and the facts about them beside them.

    Raises BuildError when two parts have the same file.
    """
    owners: dict[str, str] = {}
    there: set[str] = set()
    for part in parts:
        for file in tree.walk(part.tree):
            if file.path in owners:
                message = f"{file.path} is in the {owners[file.path]} and in the {part.name}"
                raise BuildError(message, 'rename the file of the project, or use package = "layer"', file.path)
            owners[file.path] = part.name
            above = file.path.rpartition("/")[0]
            if above not in there:  # thousands of files are in hundreds of folders
                (folder / above).mkdir(parents=True, exist_ok=True)
                there.add(above)
            archive.link(f"{part.tree}/{file.path}", f"{folder}/{file.path}")
        if part.facts.is_file():
            beside = facts.place(folder, part.name)
            beside.parent.mkdir(exist_ok=True)
            archive.link(part.facts, beside)


def _ignore(folder: Path) -> None:
    """Keep version control out of the folder."""
    path = folder / ".gitignore"
    if not path.exists():
        path.write_text("*\n", encoding="utf-8")
