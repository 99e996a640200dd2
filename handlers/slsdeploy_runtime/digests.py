"""Files -> the digest that a model is known by: the build writes it, the runtime compares it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path


def of_folder(digest: str, names: Iterable[str]) -> str:
    """Return what the folder of a model's copy is called: the same content under another name is another copy."""
    return hashlib.sha256("\n".join([digest, *names]).encode()).hexdigest()[:40]


def of_file(path: Path) -> str:
    """Return the sha256 (hex) of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def of_files(named: Sequence[tuple[str, str]]) -> str:
    """Return a model's digest from the name and the sha256 of each of its files: of one file its own, else of `sha256sum`'s lines."""
    return named[0][1] if len(named) == 1 else of_lines(named)


def of_lines(named: Sequence[tuple[str, str]]) -> str:
    """Return the sha256 (hex) of `sha256sum`'s lines, also of a single one."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in named)
    return hashlib.sha256(lines.encode()).hexdigest()
