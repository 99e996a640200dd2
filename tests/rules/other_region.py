"""A queue on the other side of the ocean."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
region = "eu-central-1"

[[trigger]]
type = "sqs"
queue = "arn:aws:sqs:us-east-1:123456789012:orders"
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
