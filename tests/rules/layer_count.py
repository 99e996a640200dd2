"""Three layers of others beside three of ours."""

from __future__ import annotations

from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
package = "layer"
layers = [
    "arn:aws:lambda:eu-central-1:123456789012:layer:a:1",
    "arn:aws:lambda:eu-central-1:123456789012:layer:b:1",
    "arn:aws:lambda:eu-central-1:123456789012:layer:c:1",
]
"""
LOCK = "version = 1\n" + "".join(
    f'[[layer]]\narn = "arn:aws:lambda:eu-central-1:123456789012:layer:{name}:1"\nunzipped_bytes = 1000\n'
    for name in "abc"
)


def write(root: Path) -> None:
    ruling.write(root, TOML, {"slsdeploy.lock": LOCK})
