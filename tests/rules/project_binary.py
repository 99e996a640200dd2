"""A module for x86_64 in a function for arm64, whatever this machine is."""

from __future__ import annotations

from pathlib import Path

from tests import elf, ruling

TOML = """
name = "iris"
model = "iris.onnx"
architecture = "arm64"
include = ["lib/*.so"]
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
    (root / "lib").mkdir()
    (root / "lib" / "fast.so").write_bytes(elf.shared_object(elf.X86_64, needs=["libc.so.6"]))
