"""`package = "layer"`: dependencies, runtime and model are a layer each, the code is the function's zip.

A layer's name is its content: every stage and function of the account and region uses the same, and only one that is new is published.

Decision (2026-11): the layers are not resources of the stack. A stack would publish its own copies, 30 MB for each stage, and would
delete them when another still uses them. What CloudFormation cannot know before they are published is a number: a parameter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from slsdeploy.layers import PREFIX, SharedLayer
from slsdeploy.targets import ZIP_LIMIT, zipped

if TYPE_CHECKING:
    from slsdeploy.artifacts import Artifact, Store
    from slsdeploy.types import Archive, Bundle, PartName

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
_BOTH = ("arm64", "x86_64")


def artifact(bundle: Bundle, store: Store) -> Artifact:
    """Say where the function's zip will live, and which layers it needs."""
    from slsdeploy.artifacts import Artifact, Object

    (code,) = (archive for archive in bundle.archives if archive.name == _FUNCTION_ZIP)
    item = Object(store.bucket, f"{store.prefix}/{code.name}-{code.digest}.zip", code.path, code.bytes)
    shared = layers(bundle)
    return Artifact(
        objects=(item,),
        properties={**zipped(bundle, item), "Layers": [_arn(layer) for layer in shared]},
        digest=bundle.digest,
        package=NAME,
        layers=shared,
    )


def layers(bundle: Bundle) -> tuple[SharedLayer, ...]:
    """Return the layers that the bundle's function needs."""
    return tuple(_layer(archive, bundle) for archive in bundle.archives if archive.name != _FUNCTION_ZIP)


def _layer(archive: Archive, bundle: Bundle) -> SharedLayer:
    """Name a layer after its content and what it is for: a model is for any Python, only dependencies hold machine code."""
    runtimes = () if archive.parts == ("model",) else (f"python{bundle.python}",)
    architectures = (bundle.architecture,) if "dependencies" in archive.parts else _BOTH
    content = json.dumps([archive.digest, runtimes, architectures])
    name = f"{PREFIX}{archive.name}-{hashlib.sha256(content.encode()).hexdigest()[:32]}"
    return SharedLayer(name, archive.name, runtimes, architectures, archive.path, archive.bytes)


def _arn(layer: SharedLayer) -> dict[str, Any]:
    place = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}"
    return {"Fn::Sub": f"{place}:layer:{layer.name}:${{{layer.parameter}}}"}
