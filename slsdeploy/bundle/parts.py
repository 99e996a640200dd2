"""Parts that were made, kept by the digest of what they were made from: a second build copies nothing and resolves nothing.

A kept part is a folder of the user's cache: `tree/`, `part.json`, `facts.json` (see `facts`), and `part.zip` once it was packed.
It is made elsewhere and renamed into place, so it is whole or not there, however a build ends and however many there are at once.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slsdeploy import assets
from slsdeploy.bundle import archive, facts, tree, tree_facts
from slsdeploy.bundle.archive import Entry
from slsdeploy.bundle.facts import Facts
from slsdeploy.types import PartName

_DESCRIPTION = "part.json"
_ZIP = "part.zip"
_UNUSED_DAYS = 30
_ABANDONED_DAYS = 1
_DAY = 24 * 60 * 60
_LARGEST = 12


@dataclass(frozen=True, slots=True)
class Kept:
    """A part in the cache: its name, content digest, number of files, bytes, and largest files."""

    name: PartName
    folder: Path
    digest: str
    files: int
    bytes: int
    largest: tuple[tuple[str, int], ...]

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    @property
    def facts(self) -> Path:
        """The file of what was found out when it was made (`facts.read`)."""
        return self.folder / facts.FILE


def keep(name: PartName, key: str, make: Callable[[Path], Facts | None]) -> Kept:
    """Return the part of that key; `make` fills a folder with it when it is not there, or was damaged.

    What it returns are facts about it, beside those of `tree_facts`.
    """
    found = find(name, key)
    if found:
        return found
    folder = _folder(name, key)
    shelf = folder.parent
    shelf.mkdir(parents=True, exist_ok=True)
    sweep(shelf)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=shelf))
    try:
        (draft / "tree").mkdir()
        told = make(draft / "tree") or {}
        facts.write(draft, {**told, **tree_facts.find(draft / "tree")})
        _describe(draft)
        _place(draft, folder)
    finally:
        tree.remove(draft)
    made = _read(name, folder)
    assert made is not None, f"{folder} vanished"
    return made


def find(name: PartName, key: str) -> Kept | None:
    """Return the part of that key, if it is there."""
    return _read(name, _folder(name, key))


def is_unchanged(part: Kept) -> bool:
    """Say whether every byte is what it was; `find` looks at sizes alone."""
    return tree.digest(part.tree, tree.walk(part.tree)) == part.digest


def _folder(name: PartName, key: str) -> Path:
    return assets.cache_dir() / "parts" / f"{name}-{key[:40]}"


def has_zip(part: Kept) -> bool:
    """Say whether the part's own archive is there."""
    return (part.folder / _ZIP).is_file()


def zip_of(part: Kept, entries: Iterable[Entry] | None = None) -> Path:
    """Return the part's own archive; packed once. `entries` are what it is made of, where that was begun (see `ahead`)."""
    path = part.folder / _ZIP
    if not has_zip(part):
        draft = part.folder / f".part-{os.getpid()}.zip"
        try:
            if entries is None:
                archive.pack(part.tree, tree.walk(part.tree), draft, compressed=part.name != "model")
            else:
                archive.write(entries, draft)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    return path


def _describe(draft: Path) -> None:
    files = tree.walk(draft / "tree")
    largest = sorted(files, key=lambda file: (-file.bytes, file.path))[:_LARGEST]
    description = {
        "digest": tree.digest(draft / "tree", files),
        "files": len(files),
        "bytes": sum(file.bytes for file in files),
        "largest": [[file.path, file.bytes] for file in largest],
    }
    tree.protect(draft / "tree", files)
    (draft / _DESCRIPTION).write_text(json.dumps(description), encoding="utf-8")


def _place(draft: Path, folder: Path) -> None:
    """Rename into place; another build may have been faster, and made the same."""
    try:
        draft.rename(folder)
    except OSError:
        if not (folder / _DESCRIPTION).is_file():
            raise


def _read(name: PartName, folder: Path) -> Kept | None:
    """Return what is kept there, if it still is what it was."""
    try:
        said: dict[str, Any] = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
        files = tree.walk(folder / "tree")
        os.utime(folder)  # when it was last used
    except (OSError, ValueError):
        said, files = {}, []
    if not said or (len(files), sum(file.bytes for file in files)) != (said["files"], said["bytes"]):
        if folder.exists():
            tree.remove(folder)
        return None
    largest = tuple((path, size) for path, size in said["largest"])
    return Kept(name, folder, said["digest"], said["files"], said["bytes"], largest)


def sweep(shelf: Path) -> None:
    """Remove what no build used for long, and drafts that a killed build left."""
    now = time.time()
    for folder in shelf.iterdir():
        limit = _ABANDONED_DAYS if folder.name.startswith(".") else _UNUSED_DAYS
        try:
            is_old = now - folder.stat().st_mtime > limit * _DAY
        except OSError:
            continue
        if is_old:
            tree.remove(folder)
