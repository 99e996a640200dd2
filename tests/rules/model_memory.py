"""100 MiB of weights in 256 MB of memory."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
memory = 256
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
    ruling.large_model(root / "iris.onnx", 100)
