"""numpy's tools for building other packages."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.bundle.slim.cut import Cut, Piece
from slsdeploy.bundle.slim.installed import Installed
from slsdeploy.bundle.slim.wish import Wish

_FOLDERS = ("f2py", "distutils", "_pyinstaller")
_FILES = ("numpy/typing/mypy_plugin.py", "numpy/_configtool.py")


class NumpyBuilding(Cut):
    """Takes numpy.f2py, numpy.distutils and the plugins for PyInstaller and mypy: they compile, pack and check other code.

    numpy imports none of them by itself. Not one that the project's code or another package names, and none where one of these says
    `from numpy import *`, which names them all.
    """

    name = "numpy_building"
    why = "builds other packages"
    words = frozenset({"f2py", "distutils", "_pyinstaller", "mypy_plugin", "_configtool"})

    def select(self, installed: Installed, wish: Wish) -> Iterator[Piece]:
        for folder in _FOLDERS:
            yield self.piece("numpy", installed.below(f"numpy/{folder}"), f"numpy.{folder}")
        for file in _FILES:
            if file in installed.files:
                module = file.removesuffix(".py").replace("/", ".")
                yield self.piece("numpy", frozenset({file}), module)
