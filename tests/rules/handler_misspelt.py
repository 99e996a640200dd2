"""A `preproces` beside a `postprocess`; what the latter uses has a name of its own."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
"""
HANDLER = """
def preproces(request):
    return {"x": request.data}


def predicted(outputs):
    return outputs


def postprocess(outputs):
    return predicted(outputs)
"""


def write(root: Path) -> None:
    ruling.write(root, TOML, {"handler.py": HANDLER})
