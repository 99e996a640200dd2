"""Plan -> effects -> Deployment: each step in turn. The only module through which anything is written to AWS."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import assert_never

from slsdeploy import attaching
from slsdeploy.artifacts import Template
from slsdeploy.errors import DeployError
from slsdeploy.steps import (
    CreateBucket,
    CreateRepository,
    Deployment,
    DeployStack,
    Plan,
    PublishLayer,
    PushImage,
    RemoveStack,
    Upload,
)
from slsdeploy.tools import Cloud, Tools

Publishing = CreateBucket | Upload | CreateRepository | PushImage
Other = Publishing | RemoveStack


def apply(plan: Plan, template: Template, cloud: Cloud, tools: Tools) -> Deployment:
    """Carry out every step; a plan without steps makes no call that changes anything.

    Raises AwsError when AWS refuses a call, DeployError when the stack fails and was rolled back.
    """
    publish_seconds, uploaded = 0.0, 0
    numbers: dict[str, int] = {}
    for step in plan.steps:
        began = time.perf_counter()
        if isinstance(step, PublishLayer):
            numbers[step.layer.parameter] = _publish_layer(step, template.stack, cloud, tools)
            uploaded += 0 if step.bucket else step.layer.bytes
        elif isinstance(step, DeployStack):
            _deploy(step, numbers, cloud, tools)
        else:
            uploaded += _carry_out(step, cloud, tools)
        if not isinstance(step, RemoveStack | DeployStack):
            publish_seconds += time.perf_counter() - began
    state = cloud.stack_state(template.stack)
    if state is None:
        raise DeployError(
            f"the stack {template.stack} is gone",
            hint="somebody removed it meanwhile; run the same command again",
            where=template.stack,
        )
    return Deployment(
        stack=template.stack,
        id=f"{state.id} {state.outputs.get('Version', '')}",
        changed=plan.changed,
        uploaded_bytes=uploaded,
        publish_seconds=publish_seconds,
        outputs=state.outputs,
    )


def _publish_layer(step: PublishLayer, stack: str, cloud: Cloud, tools: Tools) -> int:
    with tools.reporter.step(f"publish layer {step.layer.title}", total=step.layer.bytes) as task:
        return cloud.publish_layer(step.layer, step.bucket, stack, task)


def _deploy(step: DeployStack, published: Mapping[str, int], cloud: Cloud, tools: Tools) -> None:
    template, reporter = step.template, tools.reporter
    with reporter.step(f"{'create' if step.is_new else 'update'} stack {template.stack}"):
        for event in cloud.deploy_stack(template, step.is_new, {**step.numbers, **published}):
            reporter.resource(event)


def _carry_out(step: Other, cloud: Cloud, tools: Tools) -> int:
    """Do it; return how many bytes were sent."""
    reporter = tools.reporter
    match step:
        case CreateBucket() | Upload() | CreateRepository() | PushImage():
            return _publish(step, cloud, tools)
        case RemoveStack(stack):
            with reporter.step(f"remove what is left of stack {stack}"):
                for _ in cloud.delete_stack(stack):
                    pass
        case _:
            assert_never(step)
    return 0


def _publish(step: Publishing, cloud: Cloud, tools: Tools) -> int:
    reporter = tools.reporter
    match step:
        case CreateBucket(bucket):
            with reporter.step(f"create bucket {bucket}"):
                cloud.create_bucket(bucket)
        case Upload(item):
            with reporter.step(f"upload {item.path.stem.partition('-')[0]}", total=item.bytes) as task:
                cloud.upload(item, task)
            return item.bytes
        case CreateRepository(repository):
            with reporter.step(f"create repository {repository}"):
                cloud.create_repository(repository)
        case PushImage(item):
            image = item.image.read()
            with reporter.step("push image", total=sum(blob.descriptor.size for blob in image.blobs)) as task:
                sent = tools.images.push(image, item.reference, task).uploaded_bytes
            attached = attaching.attach(image, item.sbom, item.reference, tools)
            return sent + (attached.uploaded_bytes if attached else 0)
        case _:
            assert_never(step)
    return 0
