"""Turns a function's zip and its layers into the two folders that Lambda mounts: `task` (/var/task) and `opt` (/opt).

Each archive is extracted once per sha256; each combination of archives is laid out once, by hard links, layer over layer.
Both appear in the cache whole or not at all, and hold read-only files.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from slsdeploy.local.functions.values import Archive, FunctionSpec

KEPT_SECONDS = 7 * 86400


@dataclass(frozen=True, slots=True)
class Mounts:
    """The folders to be mounted as /var/task and /opt."""

    task: Path
    opt: Path


class Artifacts:
    """The cache of extracted archives. Thread-safe."""

    def __init__(self, cache: Path) -> None:
        self._archives = cache / "archives"
        self._trees = cache / "trees"
        self._lock = threading.Lock()

    def mounts(self, spec: FunctionSpec) -> Mounts:
        """Return the folders of a function's version, extracting what is not there yet. Raises ValueError for a bad archive."""
        parts = [spec.code.digest, *(layer.digest for layer in spec.layers)]
        tree = self._trees / hashlib.sha256(" ".join(parts).encode()).hexdigest()
        with self._lock:
            if not tree.is_dir():
                code = self._extracted(spec.code)
                layers = [self._extracted(layer) for layer in spec.layers]
                with _whole(tree) as folder:
                    _link_tree(code, folder / "task")
                    (folder / "opt").mkdir()
                    for layer in layers:
                        _link_tree(layer, folder / "opt")
            for used in (tree, *(self._archives / part for part in parts)):
                if used.is_dir():
                    os.utime(used)
        return Mounts(tree / "task", tree / "opt")

    def clean(self) -> None:
        """Remove what no function has used for a week."""
        limit = time.time() - KEPT_SECONDS
        for folder in (self._trees, self._archives):
            for entry in folder.iterdir() if folder.is_dir() else ():
                if entry.stat().st_mtime < limit:
                    remove_tree(entry)

    def _extracted(self, archive: Archive) -> Path:
        target = self._archives / archive.digest
        if not target.is_dir():
            with _whole(target) as folder:
                _extract(archive.read(), folder)
        return target


def remove_tree(folder: Path) -> None:
    """Remove a tree of read-only folders."""
    for parent, _, _ in os.walk(folder):
        Path(parent).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """Yield a folder to fill; it gets its name only when the block is done, so a killed process leaves no half of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        try:
            temporary.rename(target)
        except OSError:
            if not target.is_dir():
                raise  # else another local AWS was quicker
    finally:
        if temporary.exists():
            remove_tree(temporary)


def _extract(content: bytes, folder: Path) -> None:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except zipfile.BadZipFile as error:
        raise ValueError("Could not unzip uploaded file. Please check your file, then try to upload again.") from error
    with archive:
        for member in archive.infolist():
            _extract_member(archive, member, folder)
    _freeze(folder)


def _extract_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    path = PurePosixPath(member.filename)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"the archive has a member outside of it: {member.filename}")
    target = folder / path
    # Before anything is made: `mkdir` and `open` would follow a link that an earlier member has left here.
    if any((folder / parent).is_symlink() for parent in path.parents):
        raise ValueError(f"the archive has a member behind a link: {member.filename}")
    if member.is_dir():
        if target.is_symlink():
            raise ValueError(f"the archive has a member twice: {member.filename}")
        target.mkdir(parents=True, exist_ok=True)
        return
    if target.is_symlink() or target.exists():
        raise ValueError(f"the archive has a member twice: {member.filename}")
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = member.external_attr >> 16
    if stat.S_ISLNK(mode):
        target.symlink_to(archive.read(member).decode())
        return
    with archive.open(member) as source, target.open("xb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)
    # Lambda runs functions as a user of its own: what others may not execute is not executable there either.
    target.chmod(0o555 if mode & 0o111 else 0o444)


def _freeze(folder: Path) -> None:
    for parent, _, _ in os.walk(folder):
        if parent != str(folder):
            Path(parent).chmod(0o555)


def _link_tree(source: Path, target: Path) -> None:
    """Lay a tree over another: links where the file system can, copies elsewhere. Later files replace earlier ones."""
    target.mkdir(parents=True, exist_ok=True)
    for entry in os.scandir(source):
        place = target / entry.name
        if entry.is_dir(follow_symlinks=False):
            _link_tree(Path(entry.path), place)
            continue
        if place.is_symlink() or place.exists():
            place.unlink()
        try:
            os.link(entry.path, place, follow_symlinks=False)
        except OSError:
            shutil.copy2(entry.path, place, follow_symlinks=False)
