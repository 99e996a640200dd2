"""onnxruntime's second engine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from slsdeploy.bundle.slim.cut import Cut, Piece
from slsdeploy.bundle.slim.installed import Installed
from slsdeploy.bundle.slim.wish import Wish

_LIBRARY = "onnxruntime/capi/libonnxruntime.so*"
_MODULE = "onnxruntime/capi/onnxruntime_pybind11_state*.so"
# A shared object names what it links to (DT_NEEDED) in plain text; the providers are plugins of other names.
_USES_LIBRARY = re.compile(rb"libonnxruntime(?!_providers)")


class OnnxruntimeLibrary(Cut):
    """Takes `capi/libonnxruntime.so.*`, 20 to 30 MB: the engine once more, for C programs.

    The module that Python loads (`capi/onnxruntime_pybind11_state*.so`) has the engine in it and does not link to this one. Not when a
    shared object or a module of any package, be it that one, names the library: it links to it or opens it.
    """

    name = "onnxruntime_library"
    why = "the engine a second time, for C programs"

    def select(self, installed: Installed, wish: Wish) -> Iterator[Piece]:
        libraries = frozenset(path for path in installed.files if fnmatchcase(path, _LIBRARY))
        if not libraries or not any(fnmatchcase(path, _MODULE) for path in installed.files):
            return
        if not any(_USES_LIBRARY.search(installed.read(path)) for path in _others(installed, libraries)):
            yield self.piece("onnxruntime", libraries)


def _others(installed: Installed, libraries: frozenset[str]) -> Iterator[str]:
    for path in sorted(installed.files.keys() - libraries):
        is_shared = ".so" in path.rpartition("/")[2]
        if is_shared or (path.endswith(".py") and not path.startswith("onnxruntime/")):
            yield path
