"""Marks for a caller who gets an answer."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
idempotent = true

[[trigger]]
type = "http"
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
