"""A Function URL that anybody may call."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"

[[trigger]]
type = "http"
auth = "none"
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
