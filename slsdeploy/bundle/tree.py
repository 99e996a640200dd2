"""A folder -> its files in a fixed order, and one digest of them: paths, modes and bytes, and nothing else of the machine.

Decision (2026-11): of bytecode, the digest has the paths and not the bytes. Its source, which it is made from, is in the digest, and its
name says for which Python; the patch release that compiled it shows in a few bytes and changes nothing, yet with them in the digest two
machines would deploy in turns. That it is there at all counts: a function without starts three times slower, so adding it is worth a
deployment, and a machine that lacks the interpreter says so whenever it builds. The price: archives of one digest may differ in their
bytecode (from one interpreter they are the same bytes), and the one that is uploaded first stays.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

_OF_NOTHING = hashlib.sha256().hexdigest()


@dataclass(frozen=True, slots=True)
class File:
    """A file of a tree: its path from there (with `/`), its size in bytes. The owner's execute bit is all that counts of its mode."""

    path: str
    bytes: int
    is_executable: bool


def walk(tree: Path) -> list[File]:
    """List the files of a tree, sorted; folders count only through what is in them."""
    return sorted(_walk(tree, ""), key=lambda file: file.path)


def _walk(folder: Path, prefix: str) -> Iterator[File]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), f"{prefix}{entry.name}/")
            else:
                found = entry.stat()
                yield File(f"{prefix}{entry.name}", found.st_size, bool(found.st_mode & stat.S_IXUSR))


def digest(tree: Path, files: Sequence[File]) -> str:
    """Return the sha256 (hex) of one line for each file: `<mode> <sha256> <path>`; bytecode's is that of nothing."""
    from slsdeploy.bundle.workers import workers  # not needed when nothing changed

    whole = hashlib.sha256()
    with workers() as threads:
        for file, content in zip(files, threads.begin(partial(_content, tree), files), strict=True):
            whole.update(f"{'755' if file.is_executable else '644'} {content} {file.path}\n".encode())
    return whole.hexdigest()


def _content(tree: Path, file: File) -> str:
    if file.path.endswith(".pyc"):
        return _OF_NOTHING
    with (tree / file.path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def protect(tree: Path, files: Sequence[File]) -> None:
    """Make the files read-only: they are shared by hard links, and Lambda's are read-only too."""
    for file in files:
        (tree / file.path).chmod(0o555 if file.is_executable else 0o444)


def remove(folder: Path) -> None:
    """Remove a folder of ours, if it is there; what another process removes at the same time is no error."""
    shutil.rmtree(folder, ignore_errors=True)
