"""CloudFormation: a template becomes a stack through a change set; what happened is told event by event."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from slsdeploy.artifacts import StackState, Template
from slsdeploy.errors import AwsError, DeployError
from slsdeploy.tools import StackEvent

# bytes; a larger template goes by way of S3: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
INLINE_LIMIT = 51_200
# What CloudFormation says of a change set that would change nothing; there is no code for it:
# https://repost.aws/knowledge-center/cloudformation-stack-update-no-changes
NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
TAKEN = re.compile(r"already exists", re.IGNORECASE)
CASCADE = re.compile(r"Resource (creation|update) cancelled")
DEPLOYED = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})
DELETED = frozenset({"DELETE_COMPLETE"})


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
        updated_at=str(found.get("LastUpdatedTime", found["CreationTime"])),
        parameters={given["ParameterKey"]: given["ParameterValue"] for given in found.get("Parameters", ())},
    )


def settled(client: Any, stack: str) -> StackState | None:
    """Return the stack once nothing is in progress in it: an interrupted `up` goes on in AWS without us."""
    for pause in _pauses():
        state = describe(client, stack)
        if state is None or not state.status.endswith("_IN_PROGRESS") or state.status == "REVIEW_IN_PROGRESS":
            return state
        time.sleep(pause)
    raise AssertionError("unreachable")


def body(template: Template) -> str:
    """Return a template as CloudFormation gets it."""
    return json.dumps(template.cloudformation, separators=(",", ":"))


def deploy(
    client: Any, template: Template, is_new: bool, numbers: Mapping[str, int], source: dict[str, str]
) -> Iterator[StackEvent]:
    """Create a change set and execute it; yield the stack's events until it is done.

    `numbers` are its parameters' values, `source` says where the template is (TemplateBody or TemplateURL).
    Raises DeployError with the first resource that failed, not the cascade behind it.
    """
    name = f"slsdeploy-{uuid.uuid4()}"  # its own, also when two deploy at once
    made = client.create_change_set(
        StackName=template.stack,
        ChangeSetName=name,
        ChangeSetType="CREATE" if is_new else "UPDATE",
        Tags=[{"Key": key, "Value": value} for key, value in template.tags.items()],
        Parameters=[{"ParameterKey": name, "ParameterValue": str(number)} for name, number in numbers.items()],
        Capabilities=["CAPABILITY_IAM"],
        # A bucket or queue of a fixed name that an earlier `down` kept comes back with what is in it:
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
        ImportExistingResources=True,
        # A creation that fails leaves nothing behind that could not be deployed again (no ROLLBACK_COMPLETE).
        **({"OnStackFailure": "DELETE"} if is_new else {}),
        **source,
    )
    change_set, stack = made["Id"], made["StackId"]
    if not _is_ready(client, change_set):
        client.delete_change_set(ChangeSetName=change_set)
        return
    last = _newest(client, stack)
    # The version that SAM retains would stay after a rollback, and the same code could never be published again.
    client.execute_change_set(ChangeSetName=change_set, RetainExceptOnCreate=True)
    yield from _watch(client, stack, last, DEPLOYED)


def delete(client: Any, stack: str) -> Iterator[StackEvent]:
    """Delete a stack; yield its events until it is gone."""
    found = describe(client, stack)
    if found is None:
        return
    last = _newest(client, found.id)
    client.delete_stack(StackName=found.id)
    yield from _watch(client, found.id, last, DELETED)


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
            client.delete_change_set(ChangeSetName=change_set)
            raise DeployError(f"CloudFormation refuses the change set: {reason}", where=found["StackName"])
        time.sleep(pause)
    raise AssertionError("unreachable")


def _watch(client: Any, stack: str, last: str, good: frozenset[str]) -> Iterator[StackEvent]:
    """Yield what is newer than the event `last` until the stack itself has come to an end."""
    failure: StackEvent | None = None
    for pause in _pauses():
        for raw in _since(client, stack, last):
            last = raw["EventId"]
            event = _event(raw)
            yield event
            if event.status.endswith("_FAILED") and failure is None and not CASCADE.search(event.reason):
                failure = event
            if event.physical_id == stack and not event.status.endswith("_IN_PROGRESS"):
                if event.status not in good:
                    raise _failed(event, failure or event)
                return
        time.sleep(pause)


def _failed(end: StackEvent, first: StackEvent) -> DeployError:
    after = "nothing of it was left behind" if end.status == "DELETE_COMPLETE" else f"the stack is now {end.status}"
    reason = first.reason or first.status
    mend = _taken(first.type) if TAKEN.search(reason) else "mend the cause"
    return DeployError(
        f"{first.logical_id} ({first.type}) failed: {reason}",
        hint=f"{after}; {mend} and run the command again",
        where=first.logical_id,
    )


def _taken(type: str) -> str:
    """Say what to do about a name that is taken: by what an earlier `down` kept, or by somebody else.

    What is named by its id in CloudFormation comes back by itself, if no other stack has it; a queue is named by its URL, and does not:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
    """
    if type != "AWS::SQS::Queue":
        return "choose another name, or remove what has it"
    return (
        "an earlier `slsdeploy down` keeps a queue with messages, and CloudFormation cannot take one back: use it by its ARN "
        '(queue = "arn:aws:sqs:..."), or delete it (`aws sqs delete-queue`) with what is in it, or choose another name,'
    )


def _newest(client: Any, stack: str) -> str:
    events = client.describe_stack_events(StackName=stack)["StackEvents"]
    return events[0]["EventId"] if events else ""


def _since(client: Any, stack: str, last: str) -> list[dict[str, Any]]:
    """Return the events after one, the oldest first; CloudFormation gives the newest first, so old pages are not read."""
    new: list[dict[str, Any]] = []
    for page in client.pages("describe_stack_events", StackName=stack):
        for event in page["StackEvents"]:
            if event["EventId"] == last:
                return new[::-1]
            new.append(event)
    return new[::-1]


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
