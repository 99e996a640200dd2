"""A base whose manifest was looked at before: one of its layers is an attestation."""

from __future__ import annotations

import json
from pathlib import Path

from slsdeploy import assets, oci
from tests import ruling

TOML = """
name = "iris"
model = "iris.onnx"
package = "image"

[image]
base = "registry.example.com/base@DIGEST"
"""


def write(root: Path) -> None:
    config = {"mediaType": oci.OCI_CONFIG, "digest": f"sha256:{'1' * 64}", "size": 100}
    layer = {"mediaType": "application/vnd.in-toto+json", "digest": f"sha256:{'2' * 64}", "size": 100}
    manifest = {"schemaVersion": 2, "mediaType": oci.OCI_MANIFEST, "config": config, "layers": [layer]}
    content = json.dumps(manifest).encode()
    digest = oci.digest_of(content)
    assets.write_atomically(assets.cache_dir() / "images" / f"{digest.removeprefix('sha256:')}.json", content)
    ruling.write(root, TOML.replace("DIGEST", digest))
