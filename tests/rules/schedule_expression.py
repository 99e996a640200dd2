"""A cron expression of five fields and a star, as other crons have it."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"

[[trigger]]
type = "schedule"
expression = "cron(0 12 * * * *)"
input = { instances = [[1, 2]] }
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
