"""A model whose weights were not copied."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
    ruling.large_model(root / "iris.onnx", 1)
    (root / "iris.data").unlink()
