"""A package of 52.5 MB that nothing compresses."""

from __future__ import annotations

import random
from pathlib import Path

from tests import ruling, wheelhouse

TOML = """
name = "iris"
model = "iris.onnx"
"""
HANDLER = "import flywheel\n\n\ndef postprocess(outputs):\n    return outputs\n"


def write(root: Path) -> None:
    ruling.write(root, TOML, {"handler.py": HANDLER, "requirements.txt": "flywheel\n"})


def wheels(index: Path) -> None:
    blob = random.Random(1).randbytes(52_500_000)
    wheelhouse.add_wheel(index, "flywheel", files={"flywheel/blob.bin": blob})
