"""Putting a finished bundle in its place: one build of a stage at a time, and the old bundle or the new one, never half of either."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from slsdeploy.bundle import archive, facts, tree
from slsdeploy.bundle.compile_tree import MOUNTS
from slsdeploy.bundle.parts import Kept
from slsdeploy.errors import BuildError
from slsdeploy.tools import Tools

WORK = ".slsdeploy"  # in the project: of each stage a folder
_DRAFT = ".draft-"
_OLD = ".old-"
_LIST = "laid-out.json"  # which files of a bundle are of which part


@contextmanager
def exclusive(work: Path, tools: Tools, what: str = "build") -> Iterator[None]:
    """Hold the stage's folder for one build (or deployment); another one waits.

    The system lets go of it when the process ends, however it does.
    """
    waiting = tools.reporter.waiting(f"wait for another {what} of this project")
    with held(work / f".{what}.lock", waiting):
        yield


@contextmanager
def held(path: Path, waiting: AbstractContextManager[None] | None = None) -> Iterator[None]:
    """Hold a file below the project's work folder while the block runs; `waiting` is entered while somebody else has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _ignore(path.parent if path.parent.name == WORK else path.parent.parent)
    with path.open("w") as stream:
        try:
            import fcntl
        except ImportError:  # Windows: renames are atomic all the same
            yield
            return
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with waiting or nullcontext():
                fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextmanager
def renewed(folder: Path, parts: Sequence[Kept]) -> Iterator[Path]:
    """Give a folder in which the parts are laid out, to finish a bundle in; when the block ends it takes the place of the old one.

    What the old one has of them is taken over: to link and to remove thousands of files again takes longer than all the rest of a
    build. When the block fails the old bundle is as it was; a build that is killed meanwhile leaves none, and the next lays out all.

    Raises BuildError when two parts have the same file.
    """
    work = folder.parent
    for left in [*work.glob(f"{_DRAFT}*"), *work.glob(f"{_OLD}*")]:
        tree.remove(left)
    draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=work))
    draft.chmod(0o755)
    old = draft.with_name(draft.name.replace(_DRAFT, _OLD))
    try:
        there = _take_over(folder, parts, draft, old)
        try:
            _lay_out(parts, draft, there)
            yield draft
        except BaseException:
            if there:
                _give_back(folder, there, draft, old)
            raise
        if folder.exists():
            folder.rename(old)
        draft.rename(folder)
    finally:
        tree.remove(draft)
        tree.remove(old)


def files_of(folder: Path) -> Mapping[str, Sequence[str]]:
    """Return the files of each part of the bundle in a folder, by their paths from there."""
    return {name: each.files for name, each in _listed(folder).items()}


class _Listed(NamedTuple):
    """A part that is laid out: its digest, and its files by their paths in the bundle."""

    digest: str
    files: Sequence[str]


def _listed(folder: Path) -> dict[str, _Listed]:
    """Read which parts are laid out in a folder."""
    try:
        said = json.loads((folder / _LIST).read_text(encoding="utf-8"))
        return {name: _Listed(*each) for name, each in said.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _has_just(folder: Path, listed: Mapping[str, _Listed]) -> bool:
    """Say whether a folder's mounts have these files and no others; who ran something in it may have left bytecode."""
    found = {f"{top}/{file.path}" for top in MOUNTS if (folder / top).is_dir() for file in tree.walk(folder / top)}
    return found == {path for each in listed.values() for path in each.files}


def _take_over(folder: Path, parts: Iterable[Kept], draft: Path, old: Path) -> dict[str, _Listed]:
    """Make a draft of the bundle in a folder, if it has some of the parts: those are returned, everything else is set aside."""
    listed = _listed(folder)
    digests: dict[str, str] = {part.name: part.digest for part in parts}
    there = {name: each for name, each in listed.items() if digests.get(name) == each.digest}
    if not there or not _has_just(folder, listed):
        return {}
    draft.rmdir()
    folder.rename(draft)
    old.mkdir()
    _move(draft, old, [path for name, each in listed.items() if name not in there for path in each.files])
    for entry in list(draft.iterdir()):
        if entry.name not in MOUNTS:
            entry.rename(old / entry.name)
    return there


def _give_back(folder: Path, there: Mapping[str, _Listed], draft: Path, old: Path) -> None:
    """Undo that: remove what was added since, put back what was set aside."""
    kept = {path for each in there.values() for path in each.files}
    for path in [file.path for file in tree.walk(draft) if file.path not in kept]:
        (draft / path).unlink()
        _remove_empty(draft, path)
    _move(old, draft, [file.path for file in tree.walk(old)])
    draft.rename(folder)


def _move(source: Path, target: Path, paths: Iterable[str]) -> None:
    for path in paths:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).rename(target / path)
        _remove_empty(source, path)


def _remove_empty(folder: Path, path: str) -> None:
    """Remove the folders above a file that is gone, if they are empty: Python would import them."""
    for above in PurePosixPath(path).parents[:-1]:
        try:
            (folder / above).rmdir()
        except OSError:
            break


def _lay_out(parts: Iterable[Kept], folder: Path, there: Mapping[str, _Listed]) -> None:
    """Put the files of all parts into a folder that has some of them, the facts about them beside, and write down what lies there."""
    listed = dict(there)
    owners = {path: name for name, each in there.items() for path in each.files}
    above: set[str] = set()
    (folder / facts.FOLDER).mkdir()
    for part in parts:
        if part.facts.is_file():
            archive.link(part.facts, facts.place(folder, part.name))
        if part.name in there:
            continue
        files = tree.walk(part.tree)
        for file in files:
            if file.path in owners:
                message = f"{file.path} is in the {owners[file.path]} and in the {part.name}"
                raise BuildError(message, 'rename the file of the project, or use package = "layer"', file.path)
            owners[file.path] = part.name
            parent = file.path.rpartition("/")[0]
            if parent not in above:  # thousands of files are in hundreds of folders
                (folder / parent).mkdir(parents=True, exist_ok=True)
                above.add(parent)
            archive.link(f"{part.tree}/{file.path}", f"{folder}/{file.path}")
        listed[part.name] = _Listed(part.digest, [file.path for file in files])
    (folder / _LIST).write_text(json.dumps(listed), encoding="utf-8")


def _ignore(folder: Path) -> None:
    """Keep version control out of the folder."""
    path = folder / ".gitignore"
    if not path.exists():
        path.write_text("*\n", encoding="utf-8")
