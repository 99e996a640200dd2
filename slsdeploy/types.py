"""The frozen values that flow through the pipeline, in the order in which they are made; nothing here does anything.

Config -> Project -> Bundle -> Artifact -> Template --.
                     (here)                Observed ---+-> Plan -> Deployment
                               (artifacts.py)               (steps.py)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from slsdeploy.space import Slimmed, Space
from slsdeploy_runtime.digests import of_files

if TYPE_CHECKING:
    from slsdeploy.config import Config
    from slsdeploy.layers import AttachedLayer
    from slsdeploy.oci import Assembled, Base

SBOM = "sbom.cdx.json"
Architecture = Literal["arm64", "x86_64"]
PartName = Literal["dependencies", "runtime", "model", "code"]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A model's input or output: `datatype` as the Open Inference Protocol (or slsdeploy_runtime/structures.py) names it; -1: any size."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a model file says of itself. `bytes` counts its external data too; `digest` is the sha256 (hex) of all of it.

    `batch` says how many records its first dimension holds, as `slsdeploy_runtime.records.batch` does. `opset` is the default domain's,
    `ml_opset` that of ai.onnx.ml (0: none of its operators is used).
    """

    format: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    bytes: int
    operators: tuple[str, ...]
    opset: int
    digest: str
    files: tuple[Path, ...]
    batch: int
    ml_opset: int = 0
    ir_version: int = 0


@dataclass(frozen=True, slots=True)
class Target:
    """What a bundle must run on.

    `platform` is what uv takes for `--python-platform`; `interpreter` is a Python of that very minor version on this machine
    (None when there is none). `note` says in one line what differs from what the project asked for ("" when nothing does).
    """

    python: str
    architecture: Architecture
    platform: str
    interpreter: Path | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class S3Object:
    """An object of S3 as it is: `version` is "" in a bucket without versions."""

    bucket: str
    key: str
    version: str
    etag: str
    bytes: int


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """A file of a model in S3, as it was pinned: its name beside the model, the object, the sha256 (hex) of its content."""

    name: str
    object: S3Object
    digest: str


@dataclass(frozen=True, slots=True)
class S3Origin:
    """An object of S3 that a function loads its model from. `files` are what is pinned, the model first; `region` may not be known ("")."""

    bucket: str
    key: str
    region: str = ""
    files: tuple[PinnedFile, ...] = ()

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def digest(self) -> str:
        """The model's digest, as `ModelInfo` has it."""
        return of_files([(file.name, file.digest) for file in self.files])


@dataclass(frozen=True, slots=True)
class EfsOrigin:
    """A file on the function's file system, by its absolute path there."""

    path: str


Origin = S3Origin | EfsOrigin


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the project: the name it is served under, its main file on this machine and its version.

    With an `origin` it lives elsewhere and does not ship: `path` is a copy of it, which may not be there yet. `fallback` is another model's
    name, or what a constant answer holds for each output; `timeout` is in seconds.
    """

    name: str
    path: Path
    version: str = "1"
    origin: Origin | None = None
    load: Literal["eager", "lazy"] = "eager"
    timeout: float | None = None
    fallback: str | Mapping[str, Any] | None = None
    optimize: Literal["auto", "off", "native"] = "auto"
    quantize: Literal["int8"] | None = None
    max_batch: int | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """One way in which a model may ship, measured in fresh processes, after their imports: milliseconds, MB (10^6 bytes), bytes of files.

    `difference` is the largest to the original's outputs; `dropped` says why it cannot ship ("" when it can).
    """

    candidate: str
    session_ms: float
    first_ms: float
    warm_ms: float
    resident_mb: float
    bytes: int
    difference: float = 0.0
    dropped: str = ""

    @property
    def answer_ms(self) -> float:
        return self.session_ms + self.first_ms


@dataclass(frozen=True, slots=True)
class Preparation:
    """How a model ships: the candidate (`bundle/prepare/candidates.py`), made by which onnxruntime ("" when nothing is made).

    `digest` is of the files made ("" when the model ships as it is), `bytes` their size. `difference` is the largest to the outputs that it
    was made from, `quantized_difference` what int8 alone makes (None without). `measured` may be empty: the choice is slsdeploy.lock's.
    """

    model: str
    choice: str
    onnxruntime: str
    optimize: str
    quantize: str | None
    bytes: int
    digest: str = ""
    difference: float = 0.0
    quantized_difference: float | None = None
    measured: tuple[Measured, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Handler:
    """The user's module: its dotted name, its file, which of the functions it seems to have (all that can be said without running it).

    With `app`, what answers is that ASGI application in it.
    """

    module: str
    path: Path
    functions: frozenset[str] = frozenset()
    app: str = ""


@dataclass(frozen=True, slots=True)
class Trigger:
    """One `[[trigger]]`: the event source's module (`slsdeploy_runtime.events.sqs`), its options, its logical id's stem.

    `texts` are the project's files that its options name, by option.
    """

    module: str
    options: Any
    name: str
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Project:
    """What the configuration means on this machine: absolute paths, modules found, the platform to build for.

    `base` is what its image is built upon, once that is known; `engine` the program that runs the local function's containers, "" for none.
    `locked`: nothing may be in its bundle that slsdeploy.lock does not have, and nothing is added there.
    `layers` are those of others.
    """

    root: Path
    config: Config
    stage: str
    local: bool
    target: Target
    models: tuple[Model, ...]
    handler: Handler | None
    triggers: tuple[Trigger, ...]
    base: Base | None = None
    engine: str = ""
    locked: bool = False
    layers: tuple[AttachedLayer, ...] = ()

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def stack(self) -> str:
        """One stack per stage, named after both; the function has the same name."""
        return f"{self.config.name}-{self.stage}"

    @property
    def work(self) -> Path:
        """Where this stage's bundle and caches live; never part of a bundle."""
        return self.root / ".slsdeploy" / (f"{self.stage}-local" if self.local else self.stage)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a bundle: a tree on disk and its digest (sha256, hex, of its files' paths, modes and bytes; see `bundle/tree.py`).

    `tree` is laid out as Lambda mounts it: its first folder is `task` (`/var/task`) or `opt` (`/opt`).
    """

    name: PartName
    digest: str
    files: int
    bytes: int
    tree: Path
    largest: tuple[tuple[str, int], ...] = ()
    compressed_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Archive:
    """A zip on disk that holds one or more parts: content digest, path, size in bytes."""

    name: str
    digest: str
    path: Path
    bytes: int
    parts: tuple[PartName, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """What ships, and what it is made for. `path` holds `task/` and `opt/` as Lambda mounts them, beside the archives."""

    package: str
    python: str
    digest: str
    path: Path
    parts: tuple[Part, ...]
    archives: tuple[Archive, ...]
    models: tuple[ModelInfo, ...]
    notes: tuple[str, ...] = ()
    preparations: tuple[Preparation, ...] = ()
    image: Assembled | None = None
    architecture: Architecture = "arm64"
    space: tuple[Space, ...] = ()
    slimmed: Slimmed = field(default_factory=Slimmed)

    @property
    def unzipped_bytes(self) -> int:
        return sum(part.bytes for part in self.parts)

    @property
    def sbom(self) -> Path:
        """The bill of materials (CycloneDX)."""
        return self.path / SBOM
