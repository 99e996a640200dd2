"""What each command answers. The fields are the keys of its `--json` document: other programs rely on them (docs/commands.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from slsdeploy.errors import BuildError


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
class Checked:
    """`check`: what the preflight found, the worst first; the rules that wait for a bundle; the command's exit code.

    A problem has {rule, severity("error"|"warning"|"note"), message, hint, path, line(0: unknown), link}.
    """

    problems: Sequence[Mapping[str, Any]]
    waiting: Sequence[str] = ()
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Explained:
    """`explain RULE`: what a rule of the preflight looks for. `phase`: whether it needs a bundle; `example` is what trips it.

    `summary` is one sentence, with which the `meaning` begins.
    """

    rule: str
    severity: str
    phase: str
    summary: str
    meaning: str
    why: str
    mend: str
    example: str
    link: str


@dataclass(frozen=True, slots=True)
class Listed:
    """`explain`: all rules, as `explain RULE` says them."""

    rules: Sequence[Explained]


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


@dataclass(eq=False)
class TooLargeError(BuildError):
    """The bundle is larger than Lambda takes: `built` is what `build` would have answered; nothing of it is packed."""

    built: Built = field(kw_only=True)


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
class Invoked:
    """`invoke`: the answer. Times in milliseconds; `init_ms` is what starting (or restoring) took, null when the environment was warm."""

    status_code: int
    payload: Any
    cold_start: bool
    duration_ms: float
    init_ms: float | None
    error: Mapping[str, str] | None


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


@dataclass(frozen=True, slots=True)
class LocalStatus:
    """`local status`: the embedded AWS; `limits` are what it cannot enforce or does not emulate here."""

    running: bool
    endpoint: str
    pid: int | None
    functions: Sequence[Mapping[str, Any]]
    regions: Sequence[str] = ()
    limits: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Initialised:
    """`init`: the files that were written, and the commands to type next."""

    path: str
    files: Sequence[str]
    next: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Benched:
    """`bench`: cold and warm start of the bundle on this machine. Times in milliseconds, memory in bytes (`memory` and sizes in MB).

    `phases` follow one another and add up to `first_answer_ms`, but for those that are `part_of` another. `samples` are the
    single runs. `sizes` has a row per `--memory`.
    """

    name: str
    stage: str
    python: str
    architecture: str
    client: str
    runs: int
    memory: int
    phases: Sequence[Mapping[str, Any]]
    imports: Sequence[Mapping[str, Any]]
    init_ms: Mapping[str, float]
    first_answer_ms: Mapping[str, float]
    warm_ms: Mapping[str, float]
    memory_bytes: Mapping[str, float]
    sizes: Sequence[Mapping[str, Any]]
    samples: Sequence[Mapping[str, Any]]
    html: str
    notes: Sequence[str] = ()
