"""What a wheel says about itself for installers."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.bundle.slim.cut import Cut, Piece
from slsdeploy.bundle.slim.installed import Installed
from slsdeploy.bundle.slim.wish import Wish

_NAMES = frozenset({"WHEEL", "top_level.txt", "zip-safe"})


class WheelFiles(Cut):
    """Takes WHEEL and the like out of `*.dist-info`: tags for installers, which nothing reads once a wheel is installed."""

    name = "wheel_files"
    why = "tags for installers"

    def select(self, installed: Installed, wish: Wish) -> Iterator[Piece]:
        for each in installed.distributions:
            names = frozenset(f"{each.info}/{name}" for name in _NAMES)
            yield self.piece(each.name, names & installed.files.keys())
