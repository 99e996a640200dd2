"""What is wanted x what is there -> Plan: the steps, and what each changes. Pure: the same facts give the same plan.

Decision (2026-11): the difference is taken between templates, not from a change set, so that `plan` writes nothing at all:
creating a change set is itself a call that changes the account.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Set
from hashlib import sha256
from typing import Any, assert_never

from slsdeploy.artifacts import Artifact, ImageObject, Object, Observed, StackState, Template
from slsdeploy.errors import ProjectError
from slsdeploy.layers import Published, SharedLayer
from slsdeploy.steps import (
    CreateBucket,
    CreateRepository,
    DeployStack,
    Plan,
    PublishLayer,
    PushImage,
    RemoveStack,
    ResourceChange,
    Step,
    Upload,
)

# A stack whose creation failed cannot be updated, only removed:
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
BROKEN = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"})
# Nothing was ever deployed: a change set was made and not executed.
EMPTY = frozenset({"REVIEW_IN_PROGRESS"})


def make_plan(template: Template, artifact: Artifact, observed: Observed, down: str = "slsdeploy down") -> Plan:
    """Return the steps that lead from what is observed to the template; none when they agree.

    Raises ProjectError when no update of the stack leads there; `down` is the command that removes it, for the hint.
    """
    stack = observed.stack
    live = stack if stack is not None and stack.status not in BROKEN | EMPTY else None
    _check_kind(live, template, down)
    numbers = choose_numbers(artifact, observed, live)
    renumbered = {name for name, number in numbers.items() if live and live.parameters.get(name) != str(number)}
    changes = tuple(compare(live.template if live else None, template.cloudformation, renumbered))
    wanted = is_different(live, template) or bool(renumbered)
    steps = tuple(_steps(template, artifact, observed, live)) if wanted else ()
    return Plan(steps=steps, resources=changes, digest=digest(template))


def _check_kind(live: StackState | None, template: Template, down: str) -> None:
    """Refuse what CloudFormation would refuse: such a change replaces the function, and one that has a name cannot be replaced.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html
    """
    before, after = (_kind(each) for each in ((live.template if live else None) or {}, template.cloudformation))
    if before and after and before != after:
        hint = (
            f"`{down}` first (what is in buckets and queues is kept), or another stage, or `package` as it is: {before}"
        )
        message = (
            f"{template.stack} is deployed as {before} and would become {after}, which AWS does not do in an update"
        )
        raise ProjectError(message, hint, "package")


def _kind(template: Mapping[str, Any]) -> str:
    found = [each for each in template.get("Resources", {}).values() if each["Type"] == "AWS::Lambda::Function"]
    kinds = {each.get("Properties", {}).get("PackageType", "Zip") for each in found}
    return "" if len(kinds) != 1 else "an image" if kinds == {"Image"} else "a zip or layers"


def choose_numbers(artifact: Artifact, observed: Observed, live: StackState | None) -> dict[str, int | None]:
    """Return which version of each layer the stack is to use, by parameter: the one that it has, else the newest; None: there is none.

    All versions that were observed hold the same. There are several when two deployments published it at once.
    """
    chosen: dict[str, int | None] = {}
    for layer in artifact.layers:
        there = observed.layers.get(layer.name, Published()).numbers
        present = [number for number in there if live and live.parameters.get(layer.parameter) == str(number)]
        chosen[layer.parameter] = next(iter(present), max(there, default=None))
    return chosen


def is_different(live: StackState | None, template: Template) -> bool:
    """Say whether deploying would change anything."""
    if live is None or live.template is None:
        return True
    return dict(live.tags) != dict(template.tags) or _essence(live.template) != _essence(template.cloudformation)


def compare(
    before: Mapping[str, Any] | None, after: Mapping[str, Any], changed: Set[str] = frozenset()
) -> Iterator[ResourceChange]:
    """Yield what happens to each resource between two templates, in the order of the new one, removals last.

    `changed` are the parameters whose values change.
    """
    old: Mapping[str, Any] = (before or {}).get("Resources", {})
    new: Mapping[str, Any] = after["Resources"]
    for logical_id, resource in new.items():
        if logical_id not in old:
            yield ResourceChange(logical_id, resource["Type"], "add")
        elif old[logical_id] != resource or _uses(resource, changed):
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
        case PublishLayer(layer):
            return {"type": "publish-layer", "name": layer.name, "bytes": layer.bytes}
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
        yield from _push(artifact.image, observed)
    numbers = choose_numbers(artifact, observed, live)
    for layer in artifact.layers:
        if numbers[layer.parameter] is None:
            yield from _publish(layer, observed)
    if observed.stack is not None and observed.stack.status in BROKEN:
        yield RemoveStack(template.stack)
    known = {name: number for name, number in numbers.items() if number is not None}
    yield DeployStack(template, is_new=live is None, numbers=known)


def _push(item: ImageObject, observed: Observed) -> Iterator[Step]:
    if observed.images is None:
        yield CreateRepository(item.reference.repository)
    if item.reference.digest not in (observed.images or ()):
        yield PushImage(item)


def _publish(layer: SharedLayer, observed: Observed) -> Iterator[Step]:
    if layer.is_direct:
        yield PublishLayer(layer)
        return
    if not observed.layers.get(layer.name, Published()).has_object:
        yield Upload(Object(observed.bucket, layer.key, layer.path, layer.bytes))
    yield PublishLayer(layer, observed.bucket)


def _uses(resource: Any, parameters: Set[str]) -> bool:
    """Say whether a resource has one of these parameters in an Fn::Sub."""
    text = json.dumps(resource) if parameters else ""
    return any(f"${{{name}}}" in text for name in parameters)


def _essence(template: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what CloudFormation does not act upon."""
    return {
        key: value for key, value in template.items() if key in {"Resources", "Outputs", "Parameters", "Conditions"}
    }
