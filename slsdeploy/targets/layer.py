"""`package = "layer"`: dependencies, runtime and model are a layer each, the code is the function's zip.

A layer is named in the stack by its content, so a deployment publishes only those that changed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from slsdeploy.targets import ZIP_LIMIT, zipped
from slsdeploy.types import Archive, Artifact, Bundle, Object, PartName, Store

NAME = "layer"
LIMIT = ZIP_LIMIT
# Lambda mounts layers at /opt and has /opt/python on the module path:
# https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html
PLACES: Mapping[PartName, PurePosixPath] = {
    "dependencies": PurePosixPath("opt/python"),
    "runtime": PurePosixPath("opt/python"),
    "model": PurePosixPath("opt/models"),
    "code": PurePosixPath("task"),
}
# Three layers of the five that a function may have: https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html
ARCHIVES: Mapping[str, tuple[PartName, ...]] = {
    "dependencies": ("dependencies",),
    "runtime": ("runtime",),
    "model": ("model",),
    "code": ("code",),
}
_FUNCTION_ZIP = "code"


def artifact(bundle: Bundle, store: Store) -> Artifact:
    """Say where the archives will live, and declare the layers."""
    objects = {archive.name: _object(archive, store) for archive in bundle.archives}
    layers = {name: item for name, item in objects.items() if name != _FUNCTION_ZIP}
    code = objects[_FUNCTION_ZIP]
    return Artifact(
        objects=tuple(objects.values()),
        properties={**zipped(bundle, code), "Layers": [{"Ref": _logical_id(name)} for name in layers]},
        resources={_logical_id(name): _layer(name, item, store.prefix) for name, item in layers.items()},
        digest=bundle.digest,
        package=NAME,
    )


def _object(archive: Archive, store: Store) -> Object:
    return Object(store.bucket, f"{store.prefix}/{archive.name}-{archive.digest}.zip", archive.path, archive.bytes)


def _logical_id(name: str) -> str:
    return f"{name.capitalize()}Layer"


def _layer(name: str, item: Object, prefix: str) -> dict[str, Any]:
    return {
        "Type": "AWS::Serverless::LayerVersion",
        "Properties": {
            # of this stack alone: two stacks that shared a name would mix their versions
            "LayerName": re.sub(r"[^A-Za-z0-9_-]", "-", f"{prefix}-{name}"),
            "ContentUri": {"Bucket": item.bucket, "Key": item.key},
            # A published function version keeps its layers' content also after they are deleted.
            "RetentionPolicy": "Delete",
        },
    }
