"""A snapshot that would not hold the model."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
snap_start = true

[models.iris]
path = "iris.onnx"
load = "lazy"
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
