"""A model that was measured with 300 ms, in a function with a tenth of a processor."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
timeout = 3
memory = 128
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)


def wheels(index: Path) -> None:
    """Need none."""


def amend(root: Path) -> None:
    ruling.measure(root, warm_ms=300.0)
