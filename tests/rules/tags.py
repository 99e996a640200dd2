"""A character that no tag may have."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"

[tags]
team = "Größe 42"
"cost center" = "research & development"
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
