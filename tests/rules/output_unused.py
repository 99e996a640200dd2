"""An output beside a trigger that answers its caller."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"

[output]
type = "sqs"

[[trigger]]
type = "http"
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
