"""A model for 64 rows behind a queue that hands over 10."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
max_batch = 64

[[trigger]]
type = "sqs"
batch_size = 10
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
