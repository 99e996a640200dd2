"""A package that says nothing of its licence."""

from __future__ import annotations

from pathlib import Path

from tests import ruling, wheelhouse

TOML = """
name = "iris"
model = "iris.onnx"
"""
HANDLER = "import fast\n\ndef postprocess(outputs):\n    return outputs\n"


def write(root: Path) -> None:
    ruling.write(root, TOML, {"handler.py": HANDLER, "requirements.txt": "fast\n"})


def wheels(index: Path) -> None:
    wheelhouse.add_wheel(index, "fast", licence="")
