"""A function that takes one argument too few, and one that awaits."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
"""
HANDLER = """
async def preprocess(request):
    return {"x": await request.data}


def predict(inputs):
    return inputs


postprocess = "none"
"""


def write(root: Path) -> None:
    ruling.write(root, TOML, {"handler.py": HANDLER})
