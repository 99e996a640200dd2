"""Images to build upon, small and whole: a layer with a file or two, a configuration, a manifest."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from typing import Any

from slsdeploy import oci
from tests.fakes import FakeRegistry

NAME = "public.ecr.aws/lambda/python:3.13"
LAMBDAS = {
    "Entrypoint": ["/lambda-entrypoint.sh"],
    "Env": ["PATH=/var/lang/bin:/usr/bin", "LAMBDA_TASK_ROOT=/var/task", "LAMBDA_RUNTIME_DIR=/var/runtime"],
    "WorkingDir": "/var/task",
}


def layer(files: Mapping[str, bytes]) -> tuple[bytes, str]:
    """Return a gzipped tar of the files, and its diff id."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(stream.getvalue(), mtime=0), oci.digest_of(stream.getvalue())


def add(
    registry: FakeRegistry,
    reference: str = NAME,
    *,
    version: str = "1",
    settings: Any = LAMBDAS,
    architecture: str = "arm64",
    has_history: bool = True,
) -> oci.Manifest:
    """Put an image there, of two layers that are all there; its `version` is in it."""
    layers = [layer({"etc/os-release": b"ID=test"}), layer({"etc/version": version.encode()})]
    diff_ids = {"type": "layers", "diff_ids": [diff_id for _, diff_id in layers]}
    # Podman builds upon no base whose history has fewer layers
    history = {"history": [{"created_by": "by hand"}] * len(layers)} if has_history else {}
    config = _json({"architecture": architecture, "os": "linux", "config": settings, "rootfs": diff_ids} | history)
    said = [oci.Descriptor(oci.OCI_LAYER, oci.digest_of(blob), len(blob)).document() for blob, _ in layers]
    configured = oci.Descriptor(oci.OCI_CONFIG, oci.digest_of(config), len(config)).document()
    manifest = {"schemaVersion": 2, "mediaType": oci.OCI_MANIFEST, "config": configured, "layers": said}
    made = oci.Manifest(oci.OCI_MANIFEST, _json(manifest))
    registry.add(reference, made, config, *(blob for blob, _ in layers))
    return made


def _json(document: Any) -> bytes:
    return json.dumps(document).encode()
