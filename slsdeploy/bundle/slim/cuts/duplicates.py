"""The same licence twice."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from slsdeploy.bundle.slim.cut import Cut, Piece
from slsdeploy.bundle.slim.installed import Distribution, Installed
from slsdeploy.bundle.slim.wish import Wish

_TEXTS = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS", "THIRDPARTY")


class Duplicates(Cut):
    """Takes licences that a distribution has a second time, byte for byte, outside its `*.dist-info`; all that are in there stay, as
    METADATA names them.

    Nothing else: two equal modules are two modules, and a shared library is looked for beside the one that links to it.
    """

    name = "duplicates"
    why = "the same text is in the .dist-info folder"

    def select(self, installed: Installed, wish: Wish) -> Iterator[Piece]:
        for each in installed.distributions:
            yield self.piece(each.name, frozenset(_again(each, installed)))


def _again(distribution: Distribution, installed: Installed) -> Iterator[str]:
    texts = {path for path in distribution.files & installed.files.keys() if _is_text(path)}
    kept = {path for path in texts if path.startswith(f"{distribution.info}/")}
    digests = {sha256(installed.read(path)).digest() for path in kept}
    yield from (path for path in texts - kept if sha256(installed.read(path)).digest() in digests)


def _is_text(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name.upper().startswith(_TEXTS) and not name.endswith((".py", ".so"))
