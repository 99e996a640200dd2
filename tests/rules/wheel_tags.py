"""A package for macOS that was installed into the project."""

from __future__ import annotations

from pathlib import Path

from tests import elf, ruling

TOML = """
name = "iris"
model = "iris.onnx"
architecture = "arm64"
include = ["fast/*"]
"""
WHEEL = """
Wheel-Version: 1.0
Tag: cp313-cp313-macosx_11_0_arm64
"""
HANDLER = "import fast\n\ndef postprocess(outputs):\n    return outputs\n"


def write(root: Path) -> None:
    files = {
        "fast/__init__.py": "\n",
        "fast-1.0.dist-info/WHEEL": WHEEL,
        "fast-1.0.dist-info/RECORD": "fast/__init__.py,,\n",
    }
    ruling.write(root, TOML, {"handler.py": HANDLER, **files})
    (root / "fast/_core.so").write_bytes(elf.shared_object(elf.AARCH64))


def wheels(index: Path) -> None:
    """Nothing more is needed."""
