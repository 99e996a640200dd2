"""CloudFormation: a template becomes a stack through a change set; what happened is told event by event."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

from slsdeploy.errors import AwsError, DeployError
from slsdeploy.tools import StackEvent
from slsdeploy.types import StackState, Template

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
# What CloudFormation says of a change set that would change nothing; there is no code for it:
# https://repost.aws/knowledge-center/cloudformation-stack-update-no-changes
NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
CASCADE = "Resource creation cancelled"
GOOD_ENDS = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"})


def describe(client: Any, stack: str) -> StackState | None:
    """Return the stack as it is, None when there is none."""
    try:
        found = client.describe_stacks(StackName=stack)["Stacks"][0]
    except AwsError as refused:
        if refused.code == "ValidationError" and "does not exist" in refused.message:
            return None
        raise
    if found["StackStatus"] == "DELETE_COMPLETE":
        return None
    return StackState(
        id=found["StackId"],
        name=found["StackName"],
        status=found["StackStatus"],
        template=_template(client, found),
        tags={tag["Key"]: tag["Value"] for tag in found.get("Tags", ())},
        outputs={output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", ())},
        reason=found.get("StackStatusReason", ""),
        updated_at=str(found.get("LastUpdatedTime", found["CreationTime"])),
    )


def settled(client: Any, stack: str) -> StackState | None:
    """Return the stack once nothing is in progress in it: an interrupted `up` goes on in AWS without us."""
    for pause in _pauses():
        state = describe(client, stack)
        if state is None or not state.status.endswith("_IN_PROGRESS") or state.status == "REVIEW_IN_PROGRESS":
            return state
        time.sleep(pause)
    raise AssertionError("unreachable")


def deploy(client: Any, template: Template, is_new: bool) -> Iterator[StackEvent]:
    """Create a change set and execute it; yield the stack's events until it is done.

    Raises DeployError with the first resource that failed, not the cascade behind it.
    """
    name = f"slsdeploy-{uuid.uuid4()}"  # its own, also when two deploy at once
    made = client.create_change_set(
        StackName=template.stack,
        ChangeSetName=name,
        ChangeSetType="CREATE" if is_new else "UPDATE",
        TemplateBody=json.dumps(template.cloudformation, separators=(",", ":")),
        Tags=[{"Key": key, "Value": value} for key, value in template.tags.items()],
        Capabilities=CAPABILITIES,
        # A creation that fails leaves nothing behind that could not be deployed again (no ROLLBACK_COMPLETE).
        **({"OnStackFailure": "DELETE"} if is_new else {}),
    )
    change_set, stack = made["Id"], made["StackId"]
    if not _is_ready(client, change_set):
        client.delete_change_set(ChangeSetName=change_set)
        return
    seen = {event["EventId"] for event in _events(client, stack)}
    client.execute_change_set(ChangeSetName=change_set)
    yield from _watch(client, stack, seen)


def delete(client: Any, stack: str) -> Iterator[StackEvent]:
    """Delete a stack; yield its events until it is gone."""
    found = describe(client, stack)
    if found is None:
        return
    seen = {event["EventId"] for event in _events(client, found.id)}
    client.delete_stack(StackName=found.id)
    yield from _watch(client, found.id, seen)


def _template(client: Any, found: dict[str, Any]) -> dict[str, Any] | None:
    if found["StackStatus"] == "REVIEW_IN_PROGRESS":
        return None
    body = client.get_template(StackName=found["StackId"], TemplateStage="Original")["TemplateBody"]
    return dict(json.loads(body)) if isinstance(body, str) else dict(body)


def _is_ready(client: Any, change_set: str) -> bool:
    for pause in _pauses():
        found = client.describe_change_set(ChangeSetName=change_set)
        if found["Status"] == "CREATE_COMPLETE":
            return True
        if found["Status"] == "FAILED":
            reason = found.get("StatusReason", "")
            if any(words in reason for words in NO_CHANGES):
                return False
            raise DeployError(f"CloudFormation refuses the change set: {reason}", where=found["StackName"])
        time.sleep(pause)
    raise AssertionError("unreachable")


def _watch(client: Any, stack: str, seen: set[str]) -> Iterator[StackEvent]:
    """Yield what is new until the stack itself has come to an end."""
    first_failure: StackEvent | None = None
    for pause in _pauses():
        for raw in reversed(_events(client, stack)):
            if raw["EventId"] in seen:
                continue
            seen.add(raw["EventId"])
            event = _event(raw)
            yield event
            if event.status.endswith("_FAILED") and first_failure is None and CASCADE not in event.reason:
                first_failure = event
            if event.physical_id == stack and not event.status.endswith("_IN_PROGRESS"):
                _end(event, first_failure)
                return
        time.sleep(pause)


def _end(event: StackEvent, failure: StackEvent | None) -> None:
    if event.status in GOOD_ENDS and failure is None:
        return
    told = failure or event
    after = "nothing of it was left behind" if event.status == "DELETE_COMPLETE" else f"the stack is now {event.status}"
    raise DeployError(
        f"{told.logical_id} ({told.type}) failed: {told.reason or told.status}",
        hint=f"{after}; mend the cause and run the command again",
        where=told.logical_id,
    )


def _events(client: Any, stack: str) -> list[dict[str, Any]]:
    """Return the newest events first, as CloudFormation gives them."""
    events: list[dict[str, Any]] = []
    for page in client.pages("describe_stack_events", StackName=stack):
        events.extend(page["StackEvents"])
    return events


def _event(raw: dict[str, Any]) -> StackEvent:
    return StackEvent(
        logical_id=raw["LogicalResourceId"],
        type=raw["ResourceType"],
        status=raw["ResourceStatus"],
        reason=raw.get("ResourceStatusReason", ""),
        physical_id=raw.get("PhysicalResourceId", ""),
    )


def _pauses() -> Iterator[float]:
    """Yield seconds to wait: short at first, for the local AWS, then as long as real stacks need."""
    pause = 0.05
    while True:
        yield pause
        pause = min(pause * 1.3, 2.0)
