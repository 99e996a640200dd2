"""A constant whose output is misspelt."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"

[models.iris]
path = "iris.onnx"
fallback = { outputs = { z = [0, 0], y = [0, 0] } }
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
