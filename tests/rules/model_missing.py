"""A path that is misspelt."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "irsi.onnx"
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
