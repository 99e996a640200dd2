"""A queue that waits as long as the function, and not six times as long."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
timeout = 60

[[trigger]]
type = "sqs"
visibility_timeout = 60
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
