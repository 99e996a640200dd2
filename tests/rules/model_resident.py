"""A model that was measured with more memory than the function has."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
memory = 512
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)


def wheels(index: Path) -> None:
    """Need none."""


def amend(root: Path) -> None:
    ruling.measure(root, resident_mb=600.0)
