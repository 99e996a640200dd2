"""A model of which a copy was interrupted."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
    model = root / "iris.onnx"
    model.write_bytes(model.read_bytes()[:40])
