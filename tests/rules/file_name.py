"""A name that is Latin-1, not UTF-8."""

from __future__ import annotations

import os
from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
include = ["*.txt"]
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
    Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9.txt")).write_text("a\n", encoding="utf-8")
