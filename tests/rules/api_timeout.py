"""An HTTP API in front of a function that may take a minute."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
timeout = 60

[[trigger]]
type = "http"
via = "http_api"
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
