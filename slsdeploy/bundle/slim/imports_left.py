"""What is left of packages -> the pieces that it needs all the same, read from its source; nothing is run.

Only what must import when its module does counts, as in `bundle/imports`: not what is in a function, nor what expects to fail.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from slsdeploy.bundle import imports
from slsdeploy.bundle.slim import mentions
from slsdeploy.bundle.slim.cut import Piece
from slsdeploy.bundle.slim.installed import Installed, dotted


def broken(installed: Installed, pieces: Sequence[Piece]) -> Mapping[str, str]:
    """Return what is wrong by the id of the piece, for each that cannot go; of what goes with them, too."""
    found: dict[str, str] = {}
    while True:
        going = [piece for piece in pieces if piece.id not in found]
        again = dict(_broken(installed, going))
        if not again:
            return found
        found |= again


def _broken(installed: Installed, going: Sequence[Piece]) -> Iterator[tuple[str, str]]:
    gone = {path for piece in going for path in piece.files}
    # of a whole distribution it is known who names it
    lost = {dotted(path): piece.id for piece in going if not piece.is_distribution for path in sorted(piece.files)}
    lost.pop("", None)
    for path in installed.scripts:
        if path in gone or not lost:
            continue
        content = installed.read(path)
        if lost.keys().isdisjoint(mentions.imported(content, PurePosixPath(path))):
            continue  # parsing takes long
        for name, line in _needed(content, path):
            if name in lost:
                yield lost[name], f"{path}:{line} imports {name}"


def _needed(content: bytes, path: str) -> Iterator[tuple[str, int]]:
    """Yield the modules that a module must be able to import, with the line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(content).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return  # for another Python, or none
    package = tuple(path.split("/")[:-1])
    for item in imports.unguarded(body):
        above = imports.absolute(item.written, package)
        if above:
            yield above, item.line
            yield from ((f"{above}.{name}", item.line) for name in item.names)
