"""One variable that nearly takes the room of all."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"

[environment]
WORDS = "LONG"
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
    file = root / "slsdeploy.toml"
    file.write_text(file.read_text().replace("LONG", "x" * 4096))
