"""A build after the end of Python 3.12, by the day of its sources."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
python = "3.12"
"""
ENVIRONMENT = {"SOURCE_DATE_EPOCH": "1861920000"}  # the first of January 2029


def write(root: Path) -> None:
    ruling.write(root, TOML)
