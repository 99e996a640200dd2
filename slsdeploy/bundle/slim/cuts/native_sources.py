"""What compilers need."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.bundle.slim.cut import Cut, Piece
from slsdeploy.bundle.slim.installed import Installed
from slsdeploy.bundle.slim.wish import Wish

_SUFFIXES = (".h", ".hpp", ".hh", ".pxd", ".pyx", ".pxi", ".a", ".lib", ".pc")


class NativeSources(Cut):
    """Takes C headers, Cython's sources and static libraries. They are for building other packages, and Lambda has no compiler."""

    name = "native_sources"
    why = "headers, Cython's sources and static libraries; there is no compiler"

    def select(self, installed: Installed, wish: Wish) -> Iterator[Piece]:
        found = (path for path in installed.files if path.endswith(_SUFFIXES))
        for package, files in installed.by_package(found).items():
            yield self.piece(package, files)
