"""Cuts and a judge -> which of them break something: that one alone is put back, whatever it is and however many there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from slsdeploy.bundle.slim.cut import Piece
from slsdeploy.bundle.slim.removal import Shelf

Group = tuple[str, tuple[Piece, ...]]  # a cut in one package (its id), and its pieces
Judge = Callable[[], str]  # says what is wrong with what is left, "" when nothing is


def grouped(pieces: Sequence[Piece]) -> list[Group]:
    """Return the pieces by what is undone at once."""
    ids = sorted({piece.id for piece in pieces})
    return [(id, tuple(piece for piece in pieces if piece.id == id)) for id in ids]


def settle(
    groups: Sequence[Group], shelf: Shelf, judge: Judge, recheck: Callable[[], bool] | None = None
) -> Mapping[str, str]:
    """Take the groups out; put back those without which something breaks. Return what breaks, by the group's id (see `sift`)."""
    take(groups, shelf)
    return sift(groups, shelf, judge, recheck)


def take(groups: Sequence[Group], shelf: Shelf) -> None:
    """Take the groups out."""
    _each(shelf.take, groups)


def sift(
    groups: Sequence[Group], shelf: Shelf, judge: Judge, recheck: Callable[[], bool] | None = None
) -> Mapping[str, str]:
    """Put back those of the groups, which are out, without which something breaks. Return what breaks, by the group's id.

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
            return settle(groups, shelf, judge)
        take(groups, shelf)
        return {}
    if len(groups) == 1:
        return {groups[0][0]: wrong}
    half = len(groups) // 2
    first = settle(groups[:half], shelf, judge)
    return {**first, **settle(groups[half:], shelf, judge)}


def _each(move: Callable[[tuple[Piece, ...]], None], groups: Sequence[Group]) -> None:
    for _, pieces in groups:
        move(pieces)
