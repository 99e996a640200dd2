"""What commands answer that look at a project or make something of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Inspected:
    """`inspect`: what a model file says of itself. Shapes as the Open Inference Protocol has them: -1 is any size."""

    format: str
    inputs: Sequence[Mapping[str, Any]]
    outputs: Sequence[Mapping[str, Any]]
    bytes: int
    operators: Sequence[str]
    opset: int
    digest: str
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Built:
    """`build`: the bundle on disk; sizes in bytes. `models`: how each ships and, where that was measured here, the `candidates`.

    `image` (null where the package is none): {reference, digest, layers[{name, digest, bytes, reused}], uploaded_bytes,
    outputs[{type, path, bytes}], sbom}; `reference` is "" and `reused` null when nothing was pushed; layers of the base are named "base".
    `space` has a row {name, part, bytes, files, cut_bytes, cut_files} for each package, model, the runtime and the code. `slimmed`:
    {mode, bytes, cuts[{name, package, files, bytes, why, undone}], imports_by, outputs_by}; `undone` says what broke ("" for a cut that
    was made), the last two who tried what is left. `html` is the treemap's file ("" when none was asked for).
    `sbom` is the path of the bill of materials (CycloneDX), the image's where it was attached to that in a registry ("" where not).
    """

    package: str
    digest: str
    parts: Sequence[Mapping[str, Any]]
    unzipped_bytes: int
    path: str
    models: Sequence[Mapping[str, Any]] = ()
    notes: Sequence[str] = ()
    image: Mapping[str, Any] | None = None
    space: Sequence[Mapping[str, Any]] = ()
    slimmed: Mapping[str, Any] = field(default_factory=dict)
    html: str = ""
    sbom: str = ""


@dataclass(frozen=True, slots=True)
class Locked:
    """`lock`: the lock file, and what it says for the target: the models in S3 that are pinned, the requirements.

    `image`: {base, architecture, digest} of what an image is built upon, null where the package is none. `prepared`: how each model ships,
    {model, choice, digest}. `layers`: those of others, {arn, unzipped_bytes}.
    """

    path: str
    models: Sequence[Mapping[str, Any]]
    requirements: Sequence[str]
    image: Mapping[str, str] | None = None
    prepared: Sequence[Mapping[str, str]] = ()
    layers: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Initialised:
    """`init`: the files that were written, and the commands to type next."""

    path: str
    files: Sequence[str]
    next: Sequence[str] = ()
