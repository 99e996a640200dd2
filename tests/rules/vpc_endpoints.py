"""A secret that is read from inside of a network."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"

[secrets]
DB_PASSWORD = "ssm:/iris/password"

[vpc]
subnets = ["subnet-1a"]
security_groups = ["sg-1"]
"""


def write(root: Path) -> None:
    ruling.write(root, TOML)
