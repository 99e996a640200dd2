"""A model in S3, fetched before, that is larger than /tmp."""

from __future__ import annotations

from pathlib import Path

from slsdeploy import assets
from slsdeploy.bundle import lock
from slsdeploy.types import PinnedFile, S3Object, S3Origin
from slsdeploy_runtime import digests
from tests import ruling

TOML = """
name = "iris"
model = "s3://weights/large.onnx"
memory = 3008
"""
NAMES = ("large.onnx", "large.data")


def write(root: Path) -> None:
    ruling.write(root, TOML)
    fetched = root / "fetched"
    fetched.mkdir()
    ruling.large_model(fetched / NAMES[0], 513)
    files = [PinnedFile(name, _object(fetched / name), digests.of_file(fetched / name)) for name in NAMES]
    pin = S3Origin("weights", "large.onnx", "eu-central-1", tuple(files))
    copy = assets.cache_dir() / "objects" / digests.of_folder(pin.digest, NAMES)
    copy.parent.mkdir(parents=True)
    fetched.rename(copy)
    lock.write_pins(root, [pin])


def _object(file: Path) -> S3Object:
    return S3Object("weights", file.name, "", "0", file.stat().st_size)
