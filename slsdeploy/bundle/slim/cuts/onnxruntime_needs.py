"""What only onnxruntime's tools need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from slsdeploy.bundle.slim.cut import Cut, Piece
from slsdeploy.bundle.slim.installed import Distribution, Installed, dotted
from slsdeploy.bundle.slim.wish import Wish

_ENGINE = "onnxruntime"


class OnnxruntimeNeeds(Cut):
    """Takes distributions that onnxruntime requires for its tools alone (protobuf, flatbuffers, packaging; sympy and others of older ones).

    The engine has its own protocol buffers, compiled in. Not one that the project's requirements name, that a distribution other than
    onnxruntime requires, or that any module which is left names: the tools, when they stay, bring it back.
    """

    name = "onnxruntime_needs"
    why = "required for onnxruntime's tools alone"
    distributions = frozenset(
        {"protobuf", "flatbuffers", "packaging", "sympy", "mpmath", "coloredlogs", "humanfriendly"}
    )
    # kafka: Powertools reads messages there with protobuf, where it is installed
    words = frozenset(
        {"protobuf", "flatbuffers", "packaging", "sympy", "mpmath", "coloredlogs", "humanfriendly", "kafka"}
    )

    def select(self, installed: Installed, wish: Wish) -> Iterator[Piece]:
        found = [each for each in installed.distributions if each.name in self.distributions]
        going = {each.name for each in found if not wish.asks_for(each.name)}
        while left := {name for name in going if installed.needers(name) - going - {_ENGINE}}:
            going -= left
        if installed.find(_ENGINE) is None:
            return
        for each in found:
            if each.name in going:
                piece = self.piece(each.name, each.files & installed.files.keys(), *_modules(each))
                yield replace(piece, is_distribution=True)


def _modules(distribution: Distribution) -> tuple[str, ...]:
    """Return its outermost modules, without those that a namespace shares: google.protobuf and google._upb."""
    names = sorted({dotted(path) for path in distribution.files} - {""})
    outermost: list[str] = []
    for name in names:
        if not outermost or not name.startswith(f"{outermost[-1]}."):
            outermost.append(name)
    return tuple(outermost)
