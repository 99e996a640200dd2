"""A layer of an image -> a folder: what of it lies below /var/task and /opt, whiteouts included; nothing outside is written, or linked to.

The rest of a layer is only looked at: which Python it brings. Bounded by what Lambda takes, whatever the layer says of itself.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tarfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from slsdeploy.local.functions import trees

TREE, FACTS = "tree", "facts.json"
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: unpacked, all layers together
LIMIT = 10 * 1024**3
_TOO_LARGE = "Uncompressed container image size exceeds {:g} GiB limit"  # Lambda's words
_ENTRIES = 2_000_000
_MOUNTED = (("var", "task"), ("opt",))
_COMPILED = re.compile(r"\.cpython-3(\d+)[.-]")  # of bytecode and of extension modules
_LIBRARY = re.compile(r"(?:^|/)lib/python3\.(\d+)/")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a layer unpacks to, in bytes; how many of its files are for which Python, those that are compiled for it before all."""

    bytes: int
    compiled: Counter[str]
    libraries: Counter[str]


def extract(blob: Path, folder: Path, limit: int = LIMIT) -> None:
    """Write a layer's part of the file system and its facts into an empty folder. Raises ValueError."""
    tree = folder / TREE
    tree.mkdir()
    unpacked = _Unpacked(tree, limit)
    try:
        with tarfile.open(blob, "r|*") as archive:
            for member in archive:
                unpacked.add(archive, member)
    except (tarfile.TarError, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk is full, say
        raise ValueError(f"a layer of the image is no tar, with gzip or without: {error}") from error
    trees.freeze(tree)
    facts = {"bytes": unpacked.bytes, "compiled": unpacked.compiled, "libraries": unpacked.libraries}
    (folder / FACTS).write_text(json.dumps(facts))


def facts(folder: Path) -> Facts:
    """Return what is known of an extracted layer."""
    said = json.loads((folder / FACTS).read_text())
    return Facts(said["bytes"], Counter(said["compiled"]), Counter(said["libraries"]))


def python_of(layers: Sequence[Facts]) -> str:
    """Return the Python that an image's files are for ("3.13"), "" when they do not tell."""
    for kind in ("compiled", "libraries"):
        counts = sum((getattr(layer, kind) for layer in layers), Counter[str]())
        if counts:
            return f"3.{counts.most_common(1)[0][0]}"
    return ""


def check_size(layers: Sequence[Facts]) -> None:
    """Raise ValueError for an image that is too large for Lambda."""
    if sum(layer.bytes for layer in layers) > LIMIT:
        raise ValueError(_TOO_LARGE.format(LIMIT / 1024**3))


def lay(layers: Sequence[Path], folder: Path) -> None:
    """Lay extracted layers over each other, the lowest first: `task` and `opt`. Raises ValueError."""
    root = folder / "root"
    for layer in layers:
        trees.link_tree(layer / TREE, root, whiteouts=True)
    for place, name in ((root / "var" / "task", "task"), (root / "opt", "opt")):
        if place.is_dir():
            place.rename(folder / name)
        else:
            (folder / name).mkdir()
    trees.remove_tree(root)


class _Unpacked:
    """A tree that a layer's members are added to."""

    def __init__(self, tree: Path, limit: int) -> None:
        self._tree = tree
        self._limit = limit
        self._entries = 0
        self.bytes = 0
        self.compiled: Counter[str] = Counter()
        self.libraries: Counter[str] = Counter()

    def add(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        self._count(member)
        parts = _parts(member.name)
        if not _is_wanted(parts):
            if found := _LIBRARY.search(member.name):
                self.libraries[found[1]] += 1
            return
        if found := _COMPILED.search(member.name):
            self.compiled[found[1]] += 1
        place = self._place(parts, member.name)
        if parts[-1].startswith(trees.WHITEOUT):
            place.touch()
        elif member.isdir():
            self._add_folder(place)
        elif parts in (*_MOUNTED, ("var",)):
            raise ValueError(f"/{member.name} of the image is no folder")
        else:
            self._add_file(archive, member, place)

    def _count(self, member: tarfile.TarInfo) -> None:
        self.bytes += max(0, member.size)
        self._entries += 1
        if self.bytes > self._limit:
            raise ValueError(_TOO_LARGE.format(self._limit / 1024**3))
        if self._entries > _ENTRIES:
            raise ValueError(f"a layer of the image has more than {_ENTRIES:,} files")

    def _place(self, parts: tuple[str, ...], name: str) -> Path:
        """Return where a member goes. Before anything is made: `mkdir` and `open` would follow a link that is there."""
        place = self._tree
        for part in parts[:-1]:
            place /= part
            if place.is_symlink():
                raise ValueError(f"a layer of the image has a member behind a link: {name}")
            if place.exists() and not place.is_dir():
                raise ValueError(f"a layer of the image has a member below a file: {name}")
        place.mkdir(parents=True, exist_ok=True)
        return place / parts[-1]

    def _add_folder(self, place: Path) -> None:
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            place.unlink()
        place.mkdir(exist_ok=True)

    def _add_file(self, archive: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
        if place.is_dir() and not place.is_symlink():
            raise ValueError(f"a layer of the image has {member.name} as a folder and as a file")
        if not (member.isreg() or member.issym() or member.islnk()):
            return  # devices and pipes are no part of code
        place.unlink(missing_ok=True)  # a later member of the same name replaces the earlier
        if member.issym():
            place.symlink_to(member.linkname)
        elif member.islnk():
            self._add_hard_link(member, place)
        else:
            source = archive.extractfile(member)
            assert source is not None, member.name
            _write(source, place, 0o555 if member.mode & 0o111 else 0o444)

    def _add_hard_link(self, member: tarfile.TarInfo, place: Path) -> None:
        parts = _parts(member.linkname)
        source = self._place(parts, member.name) if _is_wanted(parts) else None
        if source is None or source.is_symlink() or not source.is_file():
            text = f"{member.name} is a hard link to {member.linkname}, which its layer has not below /var/task or /opt"
            raise ValueError(text)
        os.link(source, place)


def _parts(name: str) -> tuple[str, ...]:
    parts = tuple(part for part in PurePosixPath(name).parts if part != "/")
    if ".." in parts:
        raise ValueError(f"a layer of the image has a member outside of it: {name}")
    return parts


def _is_wanted(parts: tuple[str, ...]) -> bool:
    """Say whether a member is below what is mounted, leads there, or takes it away. Raises ValueError."""
    if not parts:
        return False
    what = parts
    if parts[-1] == trees.OPAQUE:
        what = parts[:-1]
    elif parts[-1].startswith(trees.WHITEOUT):
        hidden = parts[-1].removeprefix(trees.WHITEOUT)
        if hidden in ("", ".", ".."):
            raise ValueError(f"a layer of the image takes away what has no name: {'/'.join(parts)}")
        what = (*parts[:-1], hidden)
    return any(_begins(what, place) or _begins(place, what) for place in _MOUNTED)


def _begins(parts: tuple[str, ...], start: tuple[str, ...]) -> bool:
    return parts[: len(start)] == start


def _write(source: IO[bytes], place: Path, mode: int) -> None:
    with source, place.open("xb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)
    place.chmod(mode)
