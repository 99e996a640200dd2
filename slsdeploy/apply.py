"""Plan -> effects -> Deployment: each step in turn. The only module through which anything is written to AWS."""

from __future__ import annotations

import time
from typing import assert_never

from slsdeploy.errors import DeployError
from slsdeploy.tools import Cloud, Reporter
from slsdeploy.types import CreateBucket, Deployment, DeployStack, Plan, RemoveStack, Step, Template, Upload


def apply(plan: Plan, template: Template, cloud: Cloud, reporter: Reporter) -> Deployment:
    """Carry out every step; a plan without steps makes no call that changes anything.

    Raises AwsError when AWS refuses a call, DeployError when the stack fails and was rolled back.
    """
    publish_seconds = 0.0
    for step in plan.steps:
        began = time.perf_counter()
        _carry_out(step, cloud, reporter)
        if isinstance(step, CreateBucket | Upload):
            publish_seconds += time.perf_counter() - began
    state = cloud.stack_state(template.stack)
    if state is None:
        raise DeployError(
            f"the stack {template.stack} is gone",
            hint="somebody removed it meanwhile; run `slsdeploy up` again",
            where=template.stack,
        )
    uploaded = sum(step.object.bytes for step in plan.steps if isinstance(step, Upload))
    return Deployment(
        stack=template.stack,
        id=f"{state.id} {state.outputs.get('Version', '')}",
        changed=plan.changed,
        uploaded_bytes=uploaded,
        publish_seconds=publish_seconds,
        outputs=state.outputs,
    )


def _carry_out(step: Step, cloud: Cloud, reporter: Reporter) -> None:
    match step:
        case CreateBucket(bucket):
            with reporter.step(f"create bucket {bucket}"):
                cloud.create_bucket(bucket)
        case Upload(item):
            with reporter.step(f"upload {item.path.stem.partition('-')[0]}", total=item.bytes) as task:
                cloud.upload(item, task)
        case RemoveStack(stack):
            with reporter.step(f"remove what is left of stack {stack}"):
                for _ in cloud.delete_stack(stack):
                    pass
        case DeployStack(template, is_new):
            with reporter.step(f"{'create' if is_new else 'update'} stack {template.stack}"):
                for event in cloud.deploy_stack(template, is_new):
                    reporter.resource(event)
        case _:
            assert_never(step)
