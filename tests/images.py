"""Images of any bytes, for tests of registries."""

from __future__ import annotations

import json
from pathlib import Path

from slsdeploy import oci

CONFIG = b'{"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}, "config": {}}'
Content = bytes | Path


def blob(content: Content, name: str = "code", media_type: str = oci.OCI_LAYER) -> oci.Blob:
    """Return a blob that has these bytes, or a file's."""
    read = content.read_bytes() if isinstance(content, Path) else content
    return oci.Blob(oci.Descriptor(media_type, oci.digest_of(read), len(read)), name, content)


def elsewhere(content: bytes, source: oci.Reference, name: str = "base") -> oci.Blob:
    """Return a blob whose bytes are in a registry."""
    return oci.Blob(oci.Descriptor(oci.OCI_LAYER, oci.digest_of(content), len(content)), name, source)


def image(*layers: Content | oci.Blob, config: bytes = CONFIG) -> oci.Image:
    """Return an image with these layers."""
    configuration = blob(config, "configuration", oci.OCI_CONFIG)
    blobs = [each if isinstance(each, oci.Blob) else blob(each, f"layer {n}") for n, each in enumerate(layers)]
    document = {
        "schemaVersion": 2,
        "mediaType": oci.OCI_MANIFEST,
        "config": configuration.descriptor.document(),
        "layers": [each.descriptor.document() for each in blobs],
    }
    manifest = oci.Manifest(oci.OCI_MANIFEST, json.dumps(document).encode())
    return oci.Image(manifest, (configuration, *blobs))
