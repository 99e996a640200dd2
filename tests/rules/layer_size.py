"""A layer that nobody has asked AWS about."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
layers = ["arn:aws:lambda:eu-central-1:123456789012:layer:a:1"]
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
