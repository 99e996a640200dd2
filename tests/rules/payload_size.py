"""Rows of 12 MB, over HTTP."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"

[[trigger]]
type = "http"
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
    ruling.wide_model(root / "iris.onnx", 3, 1024, 1024)
