"""What is wanted x what is there -> Plan: the steps, and what each changes. Pure: the same facts give the same plan.

Decision (2026-11): the difference is taken between templates, not from a change set, so that `plan` writes nothing at all:
creating a change set is itself a call that changes the account.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, assert_never

from slsdeploy.steps import (
    CreateBucket,
    CreateRepository,
    DeployStack,
    Plan,
    PushImage,
    RemoveStack,
    ResourceChange,
    Step,
    Upload,
)
from slsdeploy.types import Artifact, Observed, StackState, Template

# A stack whose creation failed cannot be updated, only removed:
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
BROKEN = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"})
# Nothing was ever deployed: a change set was made and not executed.
EMPTY = frozenset({"REVIEW_IN_PROGRESS"})


def make_plan(template: Template, artifact: Artifact, observed: Observed) -> Plan:
    """Return the steps that lead from what is observed to the template; none when they agree."""
    stack = observed.stack
    live = stack if stack is not None and stack.status not in BROKEN | EMPTY else None
    changes = tuple(compare(live.template if live else None, template.cloudformation))
    wanted = is_different(live, template)
    steps = tuple(_steps(template, artifact, observed, live)) if wanted else ()
    return Plan(steps=steps, resources=changes, digest=digest(template))


def is_different(live: StackState | None, template: Template) -> bool:
    """Say whether deploying would change anything."""
    if live is None or live.template is None:
        return True
    return dict(live.tags) != dict(template.tags) or _essence(live.template) != _essence(template.cloudformation)


def compare(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Iterator[ResourceChange]:
    """Yield what happens to each resource between two templates, in the order of the new one, removals last."""
    old: Mapping[str, Any] = (before or {}).get("Resources", {})
    new: Mapping[str, Any] = after["Resources"]
    for logical_id, resource in new.items():
        if logical_id not in old:
            yield ResourceChange(logical_id, resource["Type"], "add")
        elif old[logical_id] != resource:
            yield ResourceChange(logical_id, resource["Type"], "modify")
    for logical_id, resource in old.items():
        if logical_id not in new:
            yield ResourceChange(logical_id, resource["Type"], "remove")


def describe(step: Step) -> dict[str, str | int]:
    """Return a step as other programs read it."""
    match step:
        case CreateBucket(bucket):
            return {"type": "create-bucket", "name": bucket}
        case Upload(item):
            return {"type": "upload", "name": item.key, "bytes": item.bytes}
        case CreateRepository(repository):
            return {"type": "create-repository", "name": repository}
        case PushImage(item):
            return {"type": "push-image", "name": str(item.reference), "bytes": item.bytes}
        case RemoveStack(stack):
            return {"type": "remove-stack", "name": stack}
        case DeployStack(template, is_new):
            return {"type": "create-stack" if is_new else "update-stack", "name": template.stack}
        case _:
            assert_never(step)


def digest(template: Template) -> str:
    """Return the digest of all that the plan would make true."""
    return sha256(
        json.dumps([_essence(template.cloudformation), dict(template.tags)], sort_keys=True).encode()
    ).hexdigest()


def _steps(template: Template, artifact: Artifact, observed: Observed, live: StackState | None) -> Iterator[Step]:
    if not observed.has_bucket:
        yield CreateBucket(observed.bucket)
    for item in artifact.objects:
        if item.key not in observed.objects:
            yield Upload(item)
    if artifact.image is not None:
        if observed.images is None:
            yield CreateRepository(artifact.image.reference.repository)
        if artifact.image.reference.digest not in (observed.images or ()):
            yield PushImage(artifact.image)
    if observed.stack is not None and observed.stack.status in BROKEN:
        yield RemoveStack(template.stack)
    yield DeployStack(template, is_new=live is None)


def _essence(template: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what CloudFormation does not act upon."""
    return {
        key: value for key, value in template.items() if key in {"Resources", "Outputs", "Parameters", "Conditions"}
    }
