"""What is deployed -> nothing: the stack, its objects, images and layers that nobody else uses, and what an earlier try has left."""

from __future__ import annotations

from collections.abc import Mapping

from slsdeploy import targets
from slsdeploy.artifacts import StackState
from slsdeploy.bundle import record as bundle_record
from slsdeploy.effects import record
from slsdeploy.errors import AwsError
from slsdeploy.results.deploy import Downed
from slsdeploy.targets import image
from slsdeploy.tools import Cloud, Tools
from slsdeploy.types import Project

LAYER = "AWS::Lambda::LayerVersion"


def remove(project: Project, cloud: Cloud, tools: Tools, delete_data: bool) -> Downed:
    """Remove the stack and what it published; data only when told to. What could not go is remembered, for a rerun.

    Raises AwsError when AWS refuses, DeployError when the stack cannot be deleted.
    """
    observed = cloud.observe(project.stack, images=_is_image(project, cloud))
    left = record.left(project.work, observed.bucket)
    left |= {(LAYER, arn) for arn in _layers_of(observed.stack, project, cloud, tools)}
    if observed.stack is not None:
        left |= set(cloud.data_resources(observed.stack).values())
        record.remember_left(project.work, observed.bucket, left)
        with tools.reporter.step(f"delete stack {project.stack}"):
            for event in cloud.delete_stack(project.stack):
                tools.reporter.resource(event)
    layers = frozenset(physical_id for kind, physical_id in left if kind == LAYER)
    data = {each for each in left if each[0] != LAYER}
    if data:
        with tools.reporter.step("look into buckets and queues"):
            data = {each for each in sorted(data) if not cloud.release(*each, delete_data)}
        record.remember_left(project.work, observed.bucket, {*data, *((LAYER, arn) for arn in layers)})
    cloud.delete_objects(observed.bucket, observed.objects)
    if observed.images is not None:
        cloud.delete_repository(f"{image.NAMESPACE}/{project.stack}")
    shared = _remove_layers(layers, observed.bucket, cloud, tools)
    if left:  # another function's layers are not ours to remember
        record.remember_left(project.work, observed.bucket, data)
    kept = sorted(physical_id for _, physical_id in data)
    return Downed(stack=project.stack, removed=observed.stack is not None, kept=kept, shared=shared)


def _is_image(project: Project, cloud: Cloud) -> bool:
    """Say whether the stack is of an image, or is to be."""
    state = cloud.stack_state(project.stack)
    said = (state.template or {}).get("Metadata", {}).get("slsdeploy", {}) if state else {}
    was = bundle_record.package(project.work / "bundle") if project.config.package == targets.AUTO else ""
    return targets.IMAGE in (said.get("package"), project.config.package, was)


def _layers_of(stack: StackState | None, project: Project, cloud: Cloud, tools: Tools) -> frozenset[str]:
    """Return the shared layers that may go with the stack.

    A zip has none, unless it was layers before, and an image never has: whoever deploys nothing else needs no right to look for them.
    """
    has_some = any(name.endswith("LayerVersion") for name in (stack.parameters if stack else ()))
    try:
        return cloud.layers_of(project.stack)
    except AwsError as refused:
        if has_some or "AccessDenied" not in refused.code:
            raise
        if stack is None:
            tools.reporter.note(f"whether layers of {project.stack} are left cannot be seen: {refused.message}")
    return frozenset()


def _remove_layers(arns: frozenset[str], bucket: str, cloud: Cloud, tools: Tools) -> Mapping[str, str]:
    """Delete the shared layers that nobody uses any more; return the others, each with a function that does."""
    if not arns:
        return {}
    with tools.reporter.step("remove layers that no function uses"):
        return cloud.remove_layers(arns, bucket)
