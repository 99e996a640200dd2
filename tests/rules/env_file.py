"""Variables in a file of another name than .env."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
include = ["settings/*"]
"""


def write(root: Path) -> None:
    ruling.write(root, TOML, {"settings/prod.env": "COLOUR=blue\n"})
