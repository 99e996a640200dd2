"""A time zone that is misspelt."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"

[[trigger]]
type = "schedule"
timezone = "Europe/Berln"
input = { instances = [[1, 2]] }
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
