"""A requirement of a project without a handler."""

from __future__ import annotations

from pathlib import Path

from tests import ruling, wheelhouse

TOML = """
name = "iris"
model = "iris.onnx"
"""


def write(root: Path) -> None:
    ruling.write(root, TOML, {"requirements.txt": "fast\n"})


def wheels(index: Path) -> None:
    wheelhouse.add_wheel(index, "fast")
