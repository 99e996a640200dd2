"""A region that is misspelt."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
region = "eu-centrall-1"
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
