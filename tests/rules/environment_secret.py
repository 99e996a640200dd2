"""A password beside what is none."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"

[environment]
DB_PASSWORD = "correct horse battery staple"
DB_USER = "iris"
PARTITION_KEY = "id"
MAX_TOKENS = "100"
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
