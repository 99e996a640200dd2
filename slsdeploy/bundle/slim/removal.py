"""Pieces -> out of a folder of packages and into another beside it, from where each can be put back as it was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from slsdeploy.bundle.slim.cut import Piece


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder of packages, and where what was taken out of it is."""

    packages: Path
    aside: Path

    def take(self, pieces: Iterable[Piece]) -> None:
        """Take pieces out."""
        _move(pieces, self.packages, self.aside)

    def put_back(self, pieces: Iterable[Piece]) -> None:
        """Put pieces back."""
        _move(pieces, self.aside, self.packages)


def _move(pieces: Iterable[Piece], source: Path, target: Path) -> None:
    left: set[str] = set()
    there: set[str] = set()
    for path in sorted(path for piece in pieces for path in piece.files):
        folder = path.rpartition("/")[0]
        if folder not in there:
            (target / folder).mkdir(parents=True, exist_ok=True)
            there.add(folder)
        (source / path).rename(target / path)
        left.add(folder)
    for folder in sorted(left, reverse=True):
        _remove_empty(source, folder)


def _remove_empty(root: Path, folder: str) -> None:
    """Remove a folder and those above it, as long as there is nothing in them: an empty one would be a package."""
    while folder:
        path = root / folder
        if path.is_dir():
            if any(path.iterdir()):
                return
            path.rmdir()
        folder = folder.rpartition("/")[0]
