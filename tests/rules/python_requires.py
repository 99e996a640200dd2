"""A project for a newer Python than the function's."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
requirements = []
"""
PYPROJECT = """
[project]
name = "iris"
version = "1.0"
requires-python = ">=3.14"
"""


def write(root: Path) -> None:
    ruling.write(root, TOML, {"pyproject.toml": PYPROJECT})
