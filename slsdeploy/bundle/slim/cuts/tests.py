"""Tests of packages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from slsdeploy.bundle.slim.cut import Cut, Piece
from slsdeploy.bundle.slim.installed import Installed, dotted
from slsdeploy.bundle.slim.opened import FOLDERS
from slsdeploy.bundle.slim.wish import Wish

# They have the folder's name in paths, and what those are for was read (2026-11): pandas skips its tests in tracebacks and hands the folder
# to pytest; scipy's and scikit-learn's are of their own test helpers, tables of extras, and of scripts that compute tables once.
_READ = frozenset({"pandas", "scipy", "scikit-learn"})


class Tests(Cut):
    """Takes folders called `tests` or `test` within packages, and pytest's `conftest.py`. Nothing but a test runner imports them.

    Not those that anything else imports, be it the package itself (some keep data or helpers there); nor those whose name the package
    has in a path or in a relative import as a string (but for those in _READ); nor a package that is itself called tests.
    """

    name = "tests"
    why = "a package's own tests"
    words = frozenset({*FOLDERS, "conftest"})

    def select(self, installed: Installed, wish: Wish) -> Iterator[Piece]:
        found: dict[str, set[str]] = {}
        for path in installed.files:
            parts = path.split("/")
            depth = next((i for i, part in enumerate(parts[:-1]) if i and part in FOLDERS), None)
            if depth is not None:
                found.setdefault("/".join(parts[: depth + 1]), set()).add(path)
            elif len(parts) > 1 and parts[-1] == "conftest.py":
                found.setdefault(path, set()).add(path)
        for place, files in sorted(found.items()):
            module = dotted(place) or place.replace("/", ".")
            name = place.rpartition("/")[2]
            package = installed.owners[min(files)]
            piece = self.piece(package, frozenset(files), module, named_by="all")
            yield replace(piece, folder=name if name in FOLDERS and package not in _READ else "")
