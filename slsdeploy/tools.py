"""The seams: what the pipeline needs of the outside world, as small protocols that `effects/` implements and tests replace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from slsdeploy.artifacts import Object, Observed, StackState, Template
    from slsdeploy.layers import SharedLayer
    from slsdeploy.oci import Descriptor, Image, Manifest, Pushed, Reference
    from slsdeploy.types import Project, S3Object


@dataclass(frozen=True, slots=True)
class Completed:
    """A finished program: its exit code and what it wrote."""

    code: int
    stdout: str
    stderr: str


# The exit code of a program that was ended for taking too long, as `timeout` has it.
TIMED_OUT = 124


class Shell(Protocol):
    """Runs other programs."""

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        inherit: bool = True,
        given: str = "",
        limit: float | None = None,
    ) -> Completed:
        """Run a program to its end; `env` is added to ours, or is all there is (`inherit`); `given` is its standard input.

        A non-zero exit code is returned, not raised. After `limit` seconds it is killed with all that it started: TIMED_OUT.

        Raises ToolError when there is no such program.
        """


class Task(Protocol):
    """A running line of progress."""

    def advance(self, amount: int) -> None: ...

    def describe(self, text: str) -> None:
        """Say what it is at now, behind its title."""


class Reporter(Protocol):
    """Tells the user what is going on, on standard error."""

    def step(self, title: str, total: int | None = None) -> AbstractContextManager[Task]:
        """Show progress while the block runs; `total` is in bytes."""

    def waiting(self, title: str) -> AbstractContextManager[None]:
        """Show that something is waited for while the block runs; nothing of it stays."""

    def note(self, text: str) -> None:
        """Say one line that stays."""

    def warning(self, text: str, rule: str) -> None:
        """Say one line that stays: what may go wrong, and the rule of the preflight that knows."""

    def resource(self, event: StackEvent) -> None:
        """Say that a resource of the stack changed its status."""


@dataclass(frozen=True, slots=True)
class StackEvent:
    """One line of a stack's history."""

    logical_id: str
    type: str
    status: str
    reason: str
    physical_id: str


@dataclass(frozen=True, slots=True)
class Invocation:
    """What one invoke answered. Times in milliseconds; `init_ms` is for starting or restoring, None when the environment was warm."""

    status_code: int
    payload: bytes
    function_error: str
    duration_ms: float
    init_ms: float | None
    version: str


@dataclass(frozen=True, slots=True)
class LogLine:
    """One log event: milliseconds since the epoch, the stream it came from, its text."""

    timestamp: int
    stream: str
    message: str


class Cloud(Protocol):
    """An AWS account and region, real or local. Every method raises AwsError when AWS refuses."""

    region: str
    endpoint: str

    def observe(self, stack: str, images: bool = False, layers: Sequence[SharedLayer] = ()) -> Observed:
        """Read what the plan needs to know; of the stack's images, when told so, and of these shared layers, too."""

    def create_bucket(self, bucket: str) -> None: ...

    def upload(self, item: Object, task: Task) -> None: ...

    def create_repository(self, repository: str) -> None: ...

    def delete_repository(self, repository: str) -> None: ...

    def publish_layer(self, layer: SharedLayer, bucket: str, stack: str, task: Task) -> int:
        """Publish a version of a shared layer, its zip from the bucket or ("") in the call, for a stack; return its number."""

    def layers_of(self, stack: str) -> frozenset[str]:
        """Return the ARNs of the shared layers' versions that any version of a stack's function uses, or that were published for it."""

    def remove_layers(self, arns: frozenset[str], bucket: str) -> Mapping[str, str]:
        """Delete those of the layers' versions that no function uses; return the others, each with a function that does."""

    def layer_size(self, arn: str) -> int:
        """Return how many bytes a version of a layer, anybody's, has unzipped."""

    def deploy_stack(self, template: Template, is_new: bool, numbers: Mapping[str, int]) -> Iterator[StackEvent]:
        """Create and execute a change set; yield what happens until it has. Raises DeployError with the first failure.

        `numbers` are the values of the template's parameters.
        """

    def delete_stack(self, stack: str) -> Iterator[StackEvent]: ...

    def stack_state(self, stack: str) -> StackState | None: ...

    def data_resources(self, stack: StackState) -> Mapping[str, tuple[str, str]]: ...

    def release(self, type: str, physical_id: str, delete_data: bool) -> bool: ...

    def delete_objects(self, bucket: str, keys: frozenset[str]) -> None: ...

    def find_object(self, bucket: str, key: str, version: str = "") -> S3Object | None:
        """Return an object of S3, the newest or a version of it; None when there is none."""

    def download(self, wanted: S3Object, path: Path, task: Task) -> None:
        """Write that very object to a path, which is not there yet."""

    def put_object(self, bucket: str, key: str, content: bytes) -> None: ...

    def bucket_region(self, bucket: str) -> str: ...

    def invoke(self, function: str, qualifier: str, payload: bytes) -> Invocation: ...

    def sign(self, url: str, body: bytes, headers: dict[str, str], service: str) -> dict[str, str]: ...

    def logs(self, function: str, since_ms: int, follow: bool) -> Iterator[LogLine]: ...


class Registry(Protocol):
    """Container registries, of any host.

    Every method raises ToolError when a registry does not answer or refuses (NoRepository where there is none), AwsError when ECR refuses.
    """

    def manifest(self, reference: Reference) -> Manifest:
        """Return the manifest or the index that a reference names; its digest is checked."""

    def blob(self, reference: Reference, digest: str) -> bytes:
        """Return a small blob (a configuration) of a repository; its digest is checked."""

    def blob_to(self, reference: Reference, descriptor: Descriptor, path: Path, task: Task) -> None:
        """Write a blob of any size to a path, as it comes; its digest is checked. When it fails, part of it may be there."""

    def push(self, image: Image, to: Reference, task: Task) -> Pushed:
        """Send what the registry lacks; the manifest after it, the tag (if `to` has one) last.

        The task advances by the sizes of all the image's blobs, of those that are there already, too.
        """

    def attach(self, referrer: Image, to: Reference, task: Task) -> Pushed:
        """Send a referrer of an image that is in that repository (`oci.referrer`), and have it listed as one."""


@dataclass(frozen=True, slots=True)
class Tools:
    """Every seam in one value, made once in `cli/options.py`."""

    shell: Shell
    reporter: Reporter
    connect: Callable[[Project], Cloud]
    images: Registry
