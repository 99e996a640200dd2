"""A notebook that `include` takes."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
include = ["notes/*"]
"""


def write(root: Path) -> None:
    ruling.write(root, TOML, {"notes/explore.ipynb": "{}\n"})
