"""A model and a function that may take as long."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
timeout = 5

[models.iris]
path = "iris.onnx"
timeout = 5
fallback = { outputs = { y = [0, 0] } }
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
