"""Installed packages and a project's wish -> the pieces that go. Pure: nothing is removed here.

What somebody names stays: the project's code, another package, sometimes the own one. Only what is left counts, so pieces that name one
another go together; a piece that stays brings what it names back, and so on until nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from pathlib import PurePosixPath

from slsdeploy.bundle.needs_graph import name_of
from slsdeploy.bundle.slim import mentions, opened
from slsdeploy.bundle.slim.cut import Cut, Piece, find_cuts
from slsdeploy.bundle.slim.installed import Installed, dotted
from slsdeploy.bundle.slim.wish import Wish

Mentions = Callable[[str], frozenset[str]]


def select(installed: Installed, wish: Wish, cuts: Iterable[Cut] | None = None) -> tuple[Piece, ...]:
    """Return what goes, each file in one piece only."""
    chosen = [cut for cut in (find_cuts() if cuts is None else cuts) if cut.always or wish.mode == "auto"]
    offered = [piece for cut in chosen for piece in cut.select(installed, wish)]
    pieces = [piece for piece in offered if piece.files and piece.id not in wish.without]

    @cache
    def said(path: str) -> frozenset[str]:
        return mentions.of(installed.read(path), PurePosixPath(path))

    @cache
    def opens(path: str) -> frozenset[str]:
        return opened.of(installed.read(path))

    while True:
        gone = frozenset[str]().union(*(piece.files for piece in pieces))
        still = [piece for piece in pieces if not _is_opened(piece, gone, opens, installed)]
        left = [piece for piece in still if not _is_named(piece, gone, said, installed, wish)]
        if len(left) == len(pieces):
            return tuple(_each_once(left))
        pieces = left


def _is_opened(piece: Piece, gone: frozenset[str], opens: Mentions, installed: Installed) -> bool:
    """Say whether what is left of the package itself has the piece's folder in a path."""
    if not piece.folder:
        return False
    own = (path for path in installed.scripts if installed.owners[path] == piece.package and path not in gone)
    return any(piece.folder in opens(path) for path in own)


def _is_named(piece: Piece, gone: frozenset[str], said: Mentions, installed: Installed, wish: Wish) -> bool:
    if piece.named_by == "nobody" or not piece.modules:
        return False
    if _name_one(piece, wish.named):
        return True
    for path in installed.scripts:
        if path in gone:
            continue
        names = said(path)
        if installed.owners[path] == piece.package and piece.named_by == "others":
            names = frozenset(name for name in names if name.endswith(".*"))
        if _name_one(piece, names) and not _does_without(path, piece, installed, wish):
            return True
    return False


def _name_one(piece: Piece, names: frozenset[str]) -> bool:
    has_all = piece.named_by == "others"
    return any(
        mentions.covers(module, name) or (has_all and mentions.covers_all(module, name))
        for module in piece.modules
        for name in names
    )


def _does_without(path: str, piece: Piece, installed: Installed, wish: Wish) -> bool:
    """Say whether a module is of a distribution that needs the piece with an extra only, which nobody asked for."""
    distribution = installed.find(installed.owners[path]) if piece.is_distribution else None
    if distribution is None or distribution.needs(piece.package):
        return False
    lines = [line for line in distribution.requires if name_of(line) == piece.package]
    is_used = any(f"{dotted(path)}.".startswith(f"{name}.") for name in wish.named)
    return bool(lines) and all("extra" in line.partition(";")[2] for line in lines) and not is_used


def _each_once(pieces: Iterable[Piece]) -> Iterable[Piece]:
    taken: set[str] = set()
    for piece in pieces:
        files = piece.files - taken
        taken |= files
        if files:
            yield replace(piece, files=files)
