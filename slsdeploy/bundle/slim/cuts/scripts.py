"""Console scripts."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.bundle.slim.cut import Cut, Piece
from slsdeploy.bundle.slim.installed import Installed
from slsdeploy.bundle.slim.wish import Wish


class Scripts(Cut):
    """Takes `bin/` and `Scripts/`. They name this machine's Python in their first line, so they run nowhere else: always."""

    name = "scripts"
    why = "console scripts name this machine's Python"
    always = True

    def select(self, installed: Installed, wish: Wish) -> Iterator[Piece]:
        for folder in ("bin", "Scripts"):
            yield self.piece("scripts", installed.below(folder))
