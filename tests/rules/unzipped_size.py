"""Weights of more than 250 MiB in a zip."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
memory = 3008
package = "zip"
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
    ruling.large_model(root / "iris.onnx", 251)
