"""A snapshot of a function with more of /tmp than a snapshot has."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
snap_start = true
ephemeral_storage = 1024
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
