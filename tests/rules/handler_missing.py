"""A module that is not there."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
handler = "my.code"
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
