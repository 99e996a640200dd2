"""onnxruntime's tools."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.bundle.slim.cut import Cut, Piece
from slsdeploy.bundle.slim.installed import Installed
from slsdeploy.bundle.slim.wish import Wish

_TOOLS = ("backend", "datasets", "quantization", "tools", "training", "transformers")


class OnnxruntimeTools(Cut):
    """Takes the parts of onnxruntime that make, train and try models, 10 MB. `import onnxruntime` and a session need none of them.

    Not one that the project's code or another package names.
    """

    name = "onnxruntime_tools"
    why = "makes, trains and tries models; a session needs none of it"
    words = frozenset(_TOOLS)

    def select(self, installed: Installed, wish: Wish) -> Iterator[Piece]:
        for tool in _TOOLS:
            yield self.piece("onnxruntime", installed.below(f"onnxruntime/{tool}"), f"onnxruntime.{tool}")
