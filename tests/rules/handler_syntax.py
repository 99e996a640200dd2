"""A parenthesis that is not closed."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
"""
HANDLER = """
def postprocess(outputs:
    return outputs
"""


def write(root: Path) -> None:
    ruling.write(root, TOML, {"handler.py": HANDLER})
