"""numpy's names as MATLAB has them."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.bundle.slim.cut import Cut, Piece
from slsdeploy.bundle.slim.installed import Installed
from slsdeploy.bundle.slim.wish import Wish

_FILE = "numpy/matlib.py"


class NumpyMatlib(Cut):
    """Takes numpy.matlib, which numpy itself has advised against since 1.19. It begins with `from numpy import *`, and so would keep
    all that this names, f2py and testing among it.

    Not when the project's code or another package names it.
    """

    name = "numpy_matlib"
    why = "deprecated names for matrices"
    words = frozenset({"matlib"})

    def select(self, installed: Installed, wish: Wish) -> Iterator[Piece]:
        yield self.piece("numpy", frozenset({_FILE} & installed.files.keys()), "numpy.matlib")
