"""Pieces -> out of a folder of packages and into another beside it, but for those without which a judge finds that something breaks:
these alone are put back, whatever they are and however many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slsdeploy.bundle.slim.cut import Piece

Group = tuple[str, tuple[Piece, ...]]  # a cut in one package (its id), and its pieces
Judge = Callable[[], str]  # says what is wrong with what is left, "" when nothing is


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


def grouped(pieces: Sequence[Piece]) -> list[Group]:
    """Return the pieces by what is undone at once."""
    ids = sorted({piece.id for piece in pieces})
    return [(id, tuple(piece for piece in pieces if piece.id == id)) for id in ids]


def take_out(
    groups: Sequence[Group], shelf: Shelf, judge: Judge, recheck: Callable[[], bool] | None = None
) -> Mapping[str, str]:
    """Take the groups out but those without which something breaks; return what breaks, by the group's id (see `sift`)."""
    take(groups, shelf)
    return sift(groups, shelf, judge, recheck)


def take(groups: Sequence[Group], shelf: Shelf) -> None:
    """Take the groups out."""
    _each(shelf.take, groups)


def sift(
    groups: Sequence[Group], shelf: Shelf, judge: Judge, recheck: Callable[[], bool] | None = None
) -> Mapping[str, str]:
    """Put back those of the groups, which are out, without which something breaks; return what breaks, by the group's id.

    All at once first; then by halves, so that one bad cut among n costs some 2 log n looks. Before that, with everything back in its
    place, `recheck` lets the judge find out what is wrong all the same, and is no cut's fault; it says whether anything else is.
    """
    if not groups:
        return {}
    wrong = judge()
    if wrong and len(groups) == 1:
        wrong = judge()  # a machine without memory, or much too busy, is not the cut's fault
    if not wrong:
        return {}
    _each(shelf.put_back, groups)
    if recheck is not None:
        if recheck():
            return take_out(groups, shelf, judge)
        take(groups, shelf)
        return {}
    if len(groups) == 1:
        return {groups[0][0]: wrong}
    half = len(groups) // 2
    first = take_out(groups[:half], shelf, judge)
    return {**first, **take_out(groups[half:], shelf, judge)}


def _each(move: Callable[[tuple[Piece, ...]], None], groups: Sequence[Group]) -> None:
    for _, pieces in groups:
        move(pieces)


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
