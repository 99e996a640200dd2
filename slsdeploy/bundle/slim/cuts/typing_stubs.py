"""Type stubs."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.bundle.slim.cut import Cut, Piece
from slsdeploy.bundle.slim.installed import Installed
from slsdeploy.bundle.slim.wish import Wish


class TypingStubs(Cut):
    """Takes `*.pyi` and `py.typed`. Only type checkers read them.

    Not of a package that loads its own submodules from its stubs (`lazy_loader.attach_stub`), as scikit-image does.
    """

    name = "typing_stubs"
    why = "read by type checkers only"

    def select(self, installed: Installed, wish: Wish) -> Iterator[Piece]:
        stubs = (path for path in installed.files if path.endswith(".pyi") or path.rpartition("/")[2] == "py.typed")
        for package, files in installed.by_package(stubs).items():
            if not any(_reads_stubs(installed, path.removesuffix("i")) for path in files):
                yield self.piece(package, files)


def _reads_stubs(installed: Installed, module: str) -> bool:
    return module in installed.files and b"attach_stub" in installed.read(module)
