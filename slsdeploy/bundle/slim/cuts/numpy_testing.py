"""numpy's helpers for tests."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.bundle.slim.cut import Cut, Piece
from slsdeploy.bundle.slim.installed import Installed, dotted
from slsdeploy.bundle.slim.wish import Wish

_EXTENSIONS = (
    "_multiarray_tests",
    "_operand_flag_tests",
    "_rational_tests",
    "_simd",
    "_struct_ufunc_tests",
    "_umath_tests",
)
_MODULES = ("testing", "ma.testutils")


class NumpyTesting(Cut):
    """Takes numpy.testing and the extension modules that only tests of numpy load, 2 MB.

    `_simd` has the vector instructions to be tested one by one; the arrays use those in `_multiarray_umath`. Not what the project's code
    or another package names (scipy and scikit-learn do), nor, of the extensions, what numpy itself imports elsewhere; and none
    of it where one of them says `from numpy import *`.
    """

    name = "numpy_testing"
    why = "loaded by tests only"
    words = frozenset({"testing", "testutils", *_EXTENSIONS})

    def select(self, installed: Installed, wish: Wish) -> Iterator[Piece]:
        for module in _MODULES:
            path = f"numpy/{module.replace('.', '/')}"
            files = installed.below(path) | ({f"{path}.py"} & installed.files.keys())
            yield self.piece("numpy", files, f"numpy.{module}")
        for path in sorted(installed.below("numpy/_core")):
            name = dotted(path)
            if path.endswith(".so") and name.rpartition(".")[2] in _EXTENSIONS:
                yield self.piece("numpy", frozenset({path}), name, named_by="all")
