"""A base of 11 GB that is pinned and was looked at before."""

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
base = "registry.example.com/base:1"
"""
LOCK = """
version = 1

[[image]]
base = "registry.example.com/base:1"
architecture = "arm64"
digest = "DIGEST"
"""


def write(root: Path) -> None:
    config = json.dumps(
        {"architecture": "arm64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": ["sha256:1"]}}
    ).encode()
    about = {"mediaType": oci.OCI_CONFIG, "digest": oci.digest_of(config), "size": len(config)}
    layer = {"mediaType": oci.OCI_LAYER, "digest": f"sha256:{'2' * 64}", "size": 11 * 1024**3}
    manifest = {"schemaVersion": 2, "mediaType": oci.OCI_MANIFEST, "config": about, "layers": [layer]}
    content = json.dumps(manifest).encode()
    digest = oci.digest_of(content)
    name = digest.removeprefix("sha256:")
    assets.write_atomically(assets.cache_dir() / "images" / f"{name}.json", content)
    assets.write_atomically(assets.cache_dir() / "images" / f"{name}-config.json", config)
    ruling.write(root, TOML, {"slsdeploy.lock": LOCK.replace("DIGEST", digest)})
