"""What commands answer that change what is deployed, or say what is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Planned:
    """`plan`: what `up` would do."""

    changed: bool
    steps: Sequence[Mapping[str, Any]]
    resources: Sequence[Mapping[str, str]]
    digest: str


@dataclass(frozen=True, slots=True)
class Upped:
    """`up`: what is deployed now, and what it took."""

    name: str
    stage: str
    target: Literal["local", "aws"]
    stack: str
    function_name: str
    function_arn: str
    alias: str
    version: str
    url: str
    package: str
    bundle_digest: str
    changed: bool
    uploaded_bytes: int
    outputs: Mapping[str, str]
    seconds: Mapping[str, float]
    endpoint: str = ""


@dataclass(frozen=True, slots=True)
class Stated:
    """`status`: what is deployed. `endpoint` is the local AWS's, "" on AWS. `models`: the sha256 of each, by name."""

    stack: str
    status: str
    function_name: str
    version: str
    url: str
    endpoint: str
    package: str
    bundle_digest: str
    deployed_at: str
    outputs: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Downed:
    """`down`: what was removed, and the data that was kept because there was something in it.

    `shared` are the layers that were kept because others use them: ARN -> a function that does.
    """

    stack: str
    removed: bool
    kept: Sequence[str]
    shared: Mapping[str, str] = field(default_factory=dict)
