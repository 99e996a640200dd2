"""A module of the project that numpy would import."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
"""
HANDLER = "def postprocess(outputs):\n    return outputs\n"


def write(root: Path) -> None:
    ruling.write(root, TOML, {"handler.py": HANDLER, "random.py": "def choose():\n    return 4\n"})
