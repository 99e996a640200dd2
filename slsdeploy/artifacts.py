"""Bundle -> where it will live, what CloudFormation gets, and what there is already: the frozen values between a bundle and a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slsdeploy.layers import Published, SharedLayer
    from slsdeploy.oci import Assembled, Reference


@dataclass(frozen=True, slots=True)
class Object:
    """A file and where it will live in the artifact bucket."""

    bucket: str
    key: str
    path: Path
    bytes: int


@dataclass(frozen=True, slots=True)
class ImageObject:
    """A bundle's image, and where it will live: a repository of a registry, by its digest. `bytes` are those of our own layers.

    `sbom` is its bill of materials.
    """

    image: Assembled
    reference: Reference
    bytes: int
    sbom: Path


@dataclass(frozen=True, slots=True)
class Store:
    """Where bundles are published: the artifact bucket, the registry's host, and what comes before every name (the stack)."""

    bucket: str
    registry: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Artifact:
    """Where a bundle will live, and the SAM that points there: what the function is made of."""

    objects: tuple[Object, ...]
    properties: Mapping[str, Any]
    digest: str
    package: str
    image: ImageObject | None = None
    layers: tuple[SharedLayer, ...] = ()


@dataclass(frozen=True, slots=True)
class Template:
    """What CloudFormation gets: the SAM as written for people, the CloudFormation it transforms to, and the stack's tags."""

    stack: str
    sam: Mapping[str, Any]
    cloudformation: Mapping[str, Any]
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StackState:
    """A stack as it is: its status, the template it has (None when it has none), tags, outputs and parameters."""

    id: str
    name: str
    status: str
    template: Mapping[str, Any] | None
    tags: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    updated_at: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observed:
    """Facts read from AWS before anything is decided. `objects` are the keys under this stack's prefix of the artifact bucket.

    `registry` is the account's host, `images` are the digests in the stack's repository there (None: there is none, or nobody asked).
    `layers` says of each shared layer that was asked for, by name, what there is of it.
    """

    region: str
    bucket: str
    has_bucket: bool
    objects: frozenset[str]
    stack: StackState | None
    registry: str = ""
    images: frozenset[str] | None = None
    layers: Mapping[str, Published] = field(default_factory=dict)
