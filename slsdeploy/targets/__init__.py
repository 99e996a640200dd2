"""Packaging targets, one file each: Bundle -> something Lambda can run. Pure: a target says where things go, others put them there.

A module here named `layer` is what `package = "layer"` means. It has

    NAME                      its own name
    LIMIT                     bytes, unzipped, that are too many for Lambda
    PLACES                    where each part's tree is mounted: "task/..." is /var/task/..., "opt/..." is /opt/...
    ARCHIVES                  which parts go into which archive; an archive holds parts of one mount
    layers(bundle)            the shared layers that the function needs
    artifact(bundle, store) -> Artifact
                              where the archives will live, and all properties of the function that depend on the packaging

`stack.py` has no opinion on the latter. A zip function needs CodeUri, Handler and Runtime (`zipped` returns them), and may have Layers.
An image has none of the four: its artifact has PackageType "Image", ImageUri (the repository and the manifest's digest), and
ImageConfig with the command where the image's own is not ENTRY; its LIMIT is the image's, and what it uploads goes to a registry.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from pathlib import PurePosixPath
from typing import Any, Protocol, cast

from slsdeploy.errors import ProjectError
from slsdeploy.layers import SharedLayer
from slsdeploy.types import Artifact, Bundle, Object, PartName, Store

# What Lambda calls.
ENTRY = "slsdeploy_runtime.app.handler"
# A zip function's, its layers included. CreateFunction's own words are "Unzipped size must be smaller than 262144000 bytes"
# (https://github.com/serverless/serverless/issues/6792), so this very number is too many:
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
ZIP_LIMIT = 262_144_000

# https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html
LAYERS = 5  # a function's, at most

IMAGE = "image"  # its archives are layers of an image, not zips
# Only what changed is uploaded: a layer's key is the digest of its content.
AUTO = "layer"
AUTO_NOTE = 'package = "auto": layers, so that a change of code uploads only the code'


class PackagingTarget(Protocol):
    """What each module of this package offers."""

    NAME: str
    LIMIT: int
    PLACES: Mapping[PartName, PurePosixPath]
    ARCHIVES: Mapping[str, tuple[PartName, ...]]

    @staticmethod
    def layers(bundle: Bundle) -> tuple[SharedLayer, ...]: ...

    @staticmethod
    def artifact(bundle: Bundle, store: Store) -> Artifact: ...


def names() -> list[str]:
    """Return the packaging targets that there are."""
    return sorted(found.name for found in pkgutil.iter_modules(__path__))


def find(name: str) -> PackagingTarget:
    """Return the target of that name.

    Raises ProjectError when there is none.
    """
    if name not in names():
        raise ProjectError(f'there is no package "{name}"', f'use one of {", ".join(names())}, or "auto"', "package")
    return cast("PackagingTarget", import_module(f"{__name__}.{name}"))


def fits(target: PackagingTarget, size: int) -> bool:
    """Say whether Lambda takes so many bytes, unzipped."""
    return size < target.LIMIT


def zipped(bundle: Bundle, code: Object) -> dict[str, Any]:
    """Return the properties that every function has whose code is a zip."""
    return {
        "CodeUri": {"Bucket": code.bucket, "Key": code.key},
        "Handler": ENTRY,
        "Runtime": f"python{bundle.python}",
    }


def choose(package: str) -> tuple[PackagingTarget, str]:
    """Return the target that the key `package` means, and one line that explains the choice where "auto" made it."""
    if package == "auto":
        return find(AUTO), AUTO_NOTE
    return find(package), ""
