"""A link to what lies beside the project."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
include = ["words.txt"]
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
    (root.parent / "words").write_text("blue\n", encoding="utf-8")
    (root / "words.txt").symlink_to(root.parent / "words")
