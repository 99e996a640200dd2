"""What is to be done, and what was: a plan is steps as values, so that it can be printed, carried out, or compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from slsdeploy.artifacts import ImageObject, Object, Template
    from slsdeploy.layers import SharedLayer

Action = Literal["add", "modify", "remove"]


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """What happens to one resource of the stack."""

    logical_id: str
    type: str
    action: Action


@dataclass(frozen=True, slots=True)
class CreateBucket:
    """Create the artifact bucket: private, encrypted, TLS only."""

    bucket: str


@dataclass(frozen=True, slots=True)
class Upload:
    """Put an archive where the template expects it."""

    object: Object


@dataclass(frozen=True, slots=True)
class RemoveStack:
    """Remove what an earlier failed creation left; CloudFormation cannot update it."""

    stack: str


@dataclass(frozen=True, slots=True)
class DeployStack:
    """Create or update the stack through a change set.

    `numbers` are those of the layers' versions that are there, by parameter; those that are published first come to them.
    """

    template: Template
    is_new: bool
    numbers: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CreateRepository:
    """Create the repository of images, which Lambda may pull from."""

    repository: str


@dataclass(frozen=True, slots=True)
class PushImage:
    """Put the image where the template expects it."""

    object: ImageObject


@dataclass(frozen=True, slots=True)
class PublishLayer:
    """Publish a version of a shared layer: from the artifact bucket, or with the zip in the call ("")."""

    layer: SharedLayer
    bucket: str = ""


Step = CreateBucket | Upload | CreateRepository | PushImage | PublishLayer | RemoveStack | DeployStack


@dataclass(frozen=True, slots=True)
class Plan:
    """The difference between what is wanted and what is there. No steps: nothing to do."""

    steps: tuple[Step, ...]
    resources: tuple[ResourceChange, ...]
    digest: str

    @property
    def changed(self) -> bool:
        return bool(self.steps)


@dataclass(frozen=True, slots=True)
class Deployment:
    """What was done. `id` names the stack and the function's version in it: the same id, the same code is live."""

    stack: str
    id: str
    changed: bool
    uploaded_bytes: int
    publish_seconds: float
    outputs: Mapping[str, str]
