"""Base + layers -> an image: its configuration and its manifest. One manifest, one architecture, no index: what Lambda takes.

The layers are in the order of `ORDER`, the stablest lowest: what changes often lies on what changes seldom, and only it is sent.
Nothing of the machine or of the time is in either document, so the same bundle is the same image.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slsdeploy import oci
from slsdeploy.bundle.layer import Layer
from slsdeploy.oci import Assembled, Base
from slsdeploy.targets import ENTRY

CREATED = "1970-01-01T00:00:00Z"
TASK_ROOT = "/var/task"
ARCHITECTURES = {"arm64": "arm64", "x86_64": "amd64"}
# What a base without Lambda's runtime client is started with; awslambdaric is among the dependencies then:
# https://docs.aws.amazon.com/lambda/latest/dg/python-image.html#python-image-clients
_CLIENT = ["python3", "-m", "awslambdaric"]


def assemble(base: Base | None, layers: Mapping[str, Layer], architecture: str, folder: Path) -> Assembled:
    """Write manifest.json and config.json into a folder; `layers` are by their parts' names, the lowest first."""
    below = list(base.manifest.document["layers"]) if base else []
    return write(_config(base, layers, architecture), below, layers, base, folder)


def write(
    document: Mapping[str, Any],
    below: Sequence[Mapping[str, Any]],
    layers: Mapping[str, Layer],
    base: Base | None,
    folder: Path,
) -> Assembled:
    """Write an image of that configuration: the layers `below` as the base's manifest has them, then ours."""
    config = _json(document)
    is_docker = base is not None and base.manifest.media_type == oci.DOCKER_MANIFEST
    media_type = oci.DOCKER_LAYER if is_docker else oci.OCI_LAYER
    ours = [oci.Descriptor(media_type, layer.digest, layer.bytes).document() for layer in layers.values()]
    said = oci.Descriptor(oci.DOCKER_CONFIG if is_docker else oci.OCI_CONFIG, oci.digest_of(config), len(config))
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": oci.DOCKER_MANIFEST if is_docker else oci.OCI_MANIFEST,
            "config": said.document(),
            "layers": [*below, *ours],
        }
    )
    folder.mkdir(parents=True)
    (folder / "config.json").write_bytes(config)
    (folder / "manifest.json").write_bytes(manifest)
    placed = tuple((name, layer.digest, layer.path) for name, layer in layers.items())
    return Assembled(oci.digest_of(manifest), folder, base.reference if base else "", placed)


def _config(base: Base | None, layers: Mapping[str, Layer], architecture: str) -> dict[str, Any]:
    below: Mapping[str, Any] = base.config if base else {}
    diff_ids = [*(below.get("rootfs") or {}).get("diff_ids", ()), *(layer.diff_id for layer in layers.values())]
    history = [{"created": CREATED, "created_by": f"slsdeploy: {name}"} for name in layers]
    return {
        **{key: below[key] for key in ("variant", "os.version") if key in below},
        "architecture": ARCHITECTURES[architecture],
        "os": "linux",
        "created": CREATED,
        "config": _settings(base),
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [*_history(below), *history],
    }


def _history(below: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the base's history; some say nothing, but where there is one, engines want an entry for each layer."""
    found = list(below.get("history") or ())
    count = len((below.get("rootfs") or {}).get("diff_ids", ()))
    if sum(not each.get("empty_layer") for each in found) == count:
        return found
    return [{"created": CREATED, "created_by": "base"}] * count


def _settings(base: Base | None) -> dict[str, Any]:
    """Return what the container is run with: as the base says, and our handler for its command."""
    settings: dict[str, Any] = dict((base.config.get("config") if base else None) or {})
    settings |= {"Cmd": [ENTRY], "WorkingDir": TASK_ROOT}
    return settings if base is None or base.has_runtime_client else with_client(settings)


def with_client(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a container that starts Lambda's runtime client from the task root."""
    variables = [
        each for each in settings.get("Env") or () if each.partition("=")[0] not in ("LAMBDA_TASK_ROOT", "PYTHONPATH")
    ]
    added = [f"LAMBDA_TASK_ROOT={TASK_ROOT}", f"PYTHONPATH={TASK_ROOT}"]
    return {**settings, "Entrypoint": _CLIENT, "Env": [*variables, *added]}


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
