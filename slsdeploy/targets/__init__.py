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
from dataclasses import dataclass
from importlib import import_module
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol, cast

from slsdeploy.errors import ProjectError

if TYPE_CHECKING:
    from slsdeploy.artifacts import Artifact, Object, Store
    from slsdeploy.layers import SharedLayer
    from slsdeploy.types import Bundle, PartName

# What Lambda calls.
ENTRY = "slsdeploy_runtime.app.handler"
# A zip function's, its layers included. CreateFunction's own words are "Unzipped size must be smaller than 262144000 bytes"
# (https://github.com/serverless/serverless/issues/6792), so this very number is too many:
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
ZIP_LIMIT = 262_144_000

# https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html
LAYERS = 5  # a function's, at most

IMAGE = "image"  # its archives are layers of an image, not zips
AUTO = "auto"
FIRST = "layer"  # what "auto" is, unless something speaks against it: a change of code uploads only the code


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


@dataclass(frozen=True, slots=True)
class Facts:
    """What "auto" decides by: bytes of our own files and of attached layers, unzipped; how many layers there would be, theirs and ours.

    `unknown` are the attached layers whose size is not known.
    """

    own: int
    attached: int
    layers_attached: int
    layers_own: int
    snap_start: bool
    unknown: int = 0


def choose(facts: Facts) -> tuple[str, str]:
    """Return the target that "auto" means, and a line that says why."""
    total = facts.own + facts.attached
    size = f"{_mb(total)} of {_mb(ZIP_LIMIT)} MB unzipped"
    if facts.unknown:
        size += f" without {facts.unknown} of `layers` (`slsdeploy lock` asks for their size)"
    snap_start = f"SnapStart {'on' if facts.snap_start else 'off'}"
    if total >= ZIP_LIMIT and not facts.layers_attached:
        limit = f"{_mb(total)} MB unzipped are more than a zip and its layers may be ({_mb(ZIP_LIMIT)} MB), and an image may be 10 GiB"
        return IMAGE, f'package = "{AUTO}": an image: {limit}; {snap_start}'
    if facts.layers_attached + facts.layers_own > LAYERS:
        count = f"with the {facts.layers_attached} of `layers`, ours would be more than the {LAYERS} that a function may have"
        return "zip", f'package = "{AUTO}": one zip: {count}; {size}, {snap_start}'
    return FIRST, f'package = "{AUTO}": layers: {size}, {snap_start}; a change of code uploads only the code'


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f}"
