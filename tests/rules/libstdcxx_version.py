"""A module that was linked with the C++ library of GCC 15."""

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
    content = elf.shared_object(elf.AARCH64, versions={"libstdc++.so.6": ["GLIBCXX_3.4.34"]})
    wheelhouse.add_wheel(index, "fast", files={"fast/__init__.py": b"", "fast/_core.abi3.so": content})
