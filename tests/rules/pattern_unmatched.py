"""A file that is to ship, by a name that it does not have."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
include = ["lables.csv"]
"""


def write(root: Path) -> None:
    ruling.write(root, TOML, {"labels.csv": "setosa\nversicolor\nvirginica\n"})
