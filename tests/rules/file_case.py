"""Two files that are one on macOS and on Windows."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
include = ["data/*"]
"""


def write(root: Path) -> None:
    ruling.write(root, TOML, {"data/labels.txt": "a\n", "data/Labels.txt": "b\n"})
