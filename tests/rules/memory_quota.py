"""All the memory that there is."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
memory = 10240
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
