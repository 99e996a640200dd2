"""The models that were fetched into /tmp: found again by their folder's name (`digests.of_folder`), put there whole, removed when there
is no room.

A draft has a name of its own until it is whole; then it is renamed, which one of several processes wins. Safe without lock files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

from slsdeploy_runtime import digests
from slsdeploy_runtime.watch import Watch

FOLDER = "slsdeploy-models"
# Whoever was given a model is opening its files until it is released; who never says so is done after a while.
BUSY_SECONDS = 60.0
_DRAFT = ".draft-"
_BLOCK = 4096

Files = Mapping[str, tuple[int, str]]  # by name: bytes, sha256


class NoRoom(Exception):
    """There is not enough room, even with everything of ours removed that may be."""


_verified: set[str] = set()  # folders that this process has hashed or written itself
_given: dict[str, float] = {}  # when a folder was given to someone who has not released it
_drafts: set[str] = set()  # names of those that this process is writing


def root() -> Path:
    """Return our folder: in /tmp, which is where TMPDIR says on a machine that is not Lambda."""
    return Path(os.environ.get("TMPDIR") or "/tmp") / FOLDER


def find(key: str, files: Files, watch: Watch) -> Path | None:
    """Return the folder of a model that is here and what it should be; one that is not is removed."""
    folder = root() / key
    if not folder.is_dir():
        return None
    problem = _problem(key, folder, files)
    if problem:
        watch.warning("model in /tmp was damaged: removed", folder=str(folder), problem=problem)
        _discard(folder)
        return None
    _verified.add(key)
    _given[key] = monotonic()
    with suppress(OSError):
        os.utime(folder)  # when it was last used
    return folder


def _problem(key: str, folder: Path, files: Files) -> str:
    """Say what is wrong with a model's files, "" when nothing is. They are read once per process, and then trusted."""
    try:
        for name, (size, _) in files.items():
            if (found := (folder / name).stat().st_size) != size:
                return f"{name} has {found:,} bytes of {size:,}"
        for name, (_, expected) in files.items():
            if key not in _verified and (read := digests.of_file(folder / name)) != expected:
                return f"{name} has the sha256 {read}, expected {expected}"
    except OSError as error:
        return str(error)
    return ""


@contextmanager
def draft(key: str, files: Files, watch: Watch) -> Iterator[Path]:
    """Give an empty folder to write a model's files into, with room for them; removed in the end unless it was kept.

    Raises NoRoom.
    """
    shelf = root()
    shelf.mkdir(parents=True, exist_ok=True)
    _make_room(shelf, sum(size + _BLOCK for size, _ in files.values()), watch)
    name = f"{_DRAFT}{os.getpid()}-{key}"
    _drafts.add(name)
    try:
        _discard(shelf / name)
        for file in files:
            (shelf / name / file).parent.mkdir(parents=True, exist_ok=True)
        yield shelf / name
    finally:
        _discard(shelf / name)
        _drafts.discard(name)


def keep(key: str, written: Path, files: Files, watch: Watch) -> Path:
    """Give a draft its name; return the folder. Another process may have been quicker: then its folder is used."""
    folder = root() / key
    try:
        written.rename(folder)
    except OSError:
        if find(key, files, watch) is None:
            written.rename(folder)
    _verified.add(key)
    _given[key] = monotonic()
    return folder


def release(key: str) -> None:
    """Say that nobody opens a folder's files any more."""
    _given.pop(key, None)


def _make_room(shelf: Path, wanted: int, watch: Watch) -> None:
    _sweep(shelf)
    if _free(shelf) >= wanted:
        return
    idle = sorted((each for each in shelf.iterdir() if _is_idle(each)), key=lambda each: each.stat().st_mtime)
    if _free(shelf) + sum(_size(folder) for folder in idle) < wanted:
        raise NoRoom(f"{_free(shelf):,} bytes are free")  # nothing is removed in vain
    for folder in idle:
        watch.warning("no room in /tmp: a model that was not used for longest is removed", folder=str(folder))
        _discard(folder)
        if _free(shelf) >= wanted:
            return
    raise NoRoom(f"{_free(shelf):,} bytes are free")


def enough(size: int) -> int:
    """Return how many MB of /tmp there would have to be for a model of so many bytes, beside what is there."""
    found = os.statvfs(root())
    taken = (found.f_blocks - found.f_bavail) * found.f_frsize
    return min(max(512, (taken + size) * 11 // 10 // 1024**2 + 1), 10240)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _free(shelf: Path) -> int:
    found = os.statvfs(shelf)
    return found.f_bavail * found.f_frsize


def _is_idle(folder: Path) -> bool:
    is_model = not folder.name.startswith(_DRAFT)
    return is_model and monotonic() - _given.get(folder.name, -BUSY_SECONDS) >= BUSY_SECONDS


def _sweep(shelf: Path) -> None:
    """Remove the drafts of processes that are gone (a number may have been given again: to us)."""
    for left in shelf.glob(f"{_DRAFT}*"):
        pid = left.name.removeprefix(_DRAFT).partition("-")[0]
        if left.name not in _drafts and (pid == str(os.getpid()) or not _is_alive(pid)):
            _discard(left)


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True


def _discard(folder: Path) -> None:
    """Remove a folder of ours; first it loses its name, so that nobody finds half of it."""
    if not folder.exists():
        return
    gone = folder
    if not folder.name.startswith(_DRAFT):
        gone = folder.with_name(f"{_DRAFT}{os.getpid()}-gone-{folder.name}")
        with suppress(OSError):
            folder.rename(gone)
    _verified.discard(folder.name)
    for parent, folders, files in os.walk(gone, topdown=False):
        with suppress(OSError):
            for name in files:
                (Path(parent) / name).unlink()
            for name in folders:
                (Path(parent) / name).rmdir()
    with suppress(OSError):
        gone.rmdir()
