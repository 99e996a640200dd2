"""A model that took 12 seconds to load."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)


def wheels(index: Path) -> None:
    """Need none."""


def amend(root: Path) -> None:
    ruling.measure(root, session_ms=12_000.0)
