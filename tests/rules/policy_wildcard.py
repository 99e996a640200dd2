"""All of DynamoDB."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"

[[policy]]
actions = ["dynamodb:*"]
resources = ["*"]
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
