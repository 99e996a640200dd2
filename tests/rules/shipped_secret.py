"""A private key, made up on the spot, that `include` takes."""

from __future__ import annotations

import base64
import random
from pathlib import Path

from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
include = ["keys/*"]
"""


def write(root: Path) -> None:
    key = base64.encodebytes(random.Random(1).randbytes(300)).decode()
    kind = "PRIVATE KEY"
    ruling.write(root, TOML, {"keys/service.pem": f"-----BEGIN {kind}-----\n{key}-----END {kind}-----\n"})
