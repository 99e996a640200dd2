"""A module that was linked with glibc 2.38."""

from __future__ import annotations

from pathlib import Path

from tests import elf, ruling, wheelhouse

TOML = """
name = "iris"
model = "iris.onnx"
architecture = "arm64"
"""
HANDLER = "import fast\n\ndef postprocess(outputs):\n    return outputs\n"


def write(root: Path) -> None:
    ruling.write(root, TOML, {"handler.py": HANDLER, "requirements.txt": "fast\n"})


def wheels(index: Path) -> None:
    content = elf.shared_object(elf.AARCH64, needs=["libc.so.6"], versions={"libc.so.6": ["GLIBC_2.38"]})
    wheelhouse.add_wheel(index, "fast", files={"fast/__init__.py": b"", "fast/_core.abi3.so": content})
