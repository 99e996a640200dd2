"""The values of the local Lambda: what is called, what it answers, what a function is. Frozen, and nothing here does anything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
REQUEST_BYTES = 6_291_456
RESPONSE_BYTES = 6_291_556
EVENT_BYTES = 1_048_576
INIT_SECONDS = 10.0
IMAGE = "slsdeploy_image"  # moto's function keeps its ContainerImage under this name (see mends/lambda_images.py)


@dataclass(frozen=True, slots=True)
class InvokeCall:
    """One call of Lambda's Invoke API. `function` is a name or an ARN, with or without a qualifier."""

    region: str
    function: str
    qualifier: str | None = None
    payload: bytes = b""
    invocation_type: str = "RequestResponse"
    log_type: str = "None"
    client_context: str = ""


@dataclass(frozen=True, slots=True)
class InvokeResult:
    """What the Invoke API answers. With `error_code` set (an exception's name on AWS) the function was not called at all."""

    status_code: int
    payload: bytes = b""
    function_error: str | None = None
    log_tail: bytes = b""
    executed_version: str = ""
    error_code: str | None = None
    request_id: str = ""


class Refused(Exception):
    """The Invoke API says no before any function runs: a status, AWS's name for it, a message."""

    def __init__(self, status_code: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.code = code
        self.message = message

    def result(self) -> InvokeResult:
        """Return the answer that the Invoke API gives."""
        payload = json.dumps({"Type": "User", "message": self.message, "Message": self.message}).encode()
        return InvokeResult(self.status_code, payload, error_code=self.code)


@dataclass(frozen=True, slots=True)
class Archive:
    """A zip of a function's code or of a layer: its sha256 (hex), and where its bytes come from."""

    digest: str
    read: Callable[[], bytes] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ImageLayer:
    """A layer of a container image: its blob's digest ("sha256:...") and file."""

    digest: str
    path: Path = field(compare=False)


@dataclass(frozen=True, slots=True)
class ContainerImage:
    """A container image: where it is, its manifest's digest, its layers (the lowest first), and how it says that it is started."""

    repository: str
    digest: str
    layers: tuple[ImageLayer, ...]
    entry_point: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    directory: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """One version of a function, as configured: memory and storage in MB, timeout in seconds; where file systems are mounted.

    `snap_start` is true for a published version whose environments start from a snapshot.
    """

    region: str
    account: str
    name: str
    version: str
    runtime: str
    handler: str
    memory: int
    timeout: int
    storage: int
    environment: Mapping[str, str]
    code: Archive | ContainerImage
    layers: tuple[Archive, ...]
    log_group: str
    dead_letter: str | None = None
    concurrency: int | None = None
    snap_start: bool = False
    mounts: tuple[str, ...] = ()

    @property
    def arn(self) -> str:
        """The function's ARN, without a qualifier."""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}"

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.region, self.name, self.version)

    @property
    def revision(self) -> str:
        """A digest of everything that a running environment cannot change: a different one needs a new process."""
        facts = [self.runtime, self.handler, self.memory, self.timeout, self.storage, self.log_group, self.code.digest]
        facts += [list(self.mounts), sorted(self.environment.items()), [layer.digest for layer in self.layers]]
        facts += [self.snap_start]
        if isinstance(self.code, ContainerImage):
            facts += [list(self.code.entry_point), list(self.code.command), self.code.directory]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Request:
    """One event on its way to an environment. `arn` is the one it was invoked by, with its qualifier."""

    id: str
    payload: bytes
    arn: str
    trace_id: str
    client_context: str = ""
    wants_tail: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an invocation ended. `error` is "" or "Unhandled"; `kind` is AWS's error type; times in milliseconds."""

    payload: bytes
    error: str = ""
    kind: str = ""
    duration_ms: float = 0.0
    init_ms: float | None = None
    restore_ms: float | None = None
    tail: bytes = b""


def failure(kind: str, message: str) -> Outcome:
    """Return how an invocation ends when the platform, not the function, reports the error."""
    payload = json.dumps({"errorType": kind, "errorMessage": message}, separators=(",", ":")).encode()
    return Outcome(payload, "Unhandled", kind)
