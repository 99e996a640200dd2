"""A schedule that says nothing."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"

[[trigger]]
type = "schedule"
expression = "rate(1 hour)"
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
