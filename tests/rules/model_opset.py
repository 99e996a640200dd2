"""A model of opset 23, for a function with an onnxruntime that knows 22."""

from __future__ import annotations

from pathlib import Path

import onnx

from tests import ruling, wheelhouse

TOML = """
name = "iris"
model = "iris.onnx"
architecture = "x86_64"
"""


def write(root: Path) -> None:
    ruling.write(root, TOML, {"requirements.txt": "onnxruntime==1.22.1\n"})
    model = onnx.load(root / "iris.onnx")
    model.opset_import[0].version = 23
    onnx.save(model, root / "iris.onnx")


def wheels(index: Path) -> None:
    wheelhouse.add_wheel(index, "onnxruntime", "1.22.1")
