"""Answers as messages of a queue. On one that keeps order (.fifo), an answer that is sent again within five minutes is not there twice."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from slsdeploy_runtime.destinations import service_of
from slsdeploy_runtime.events import Wiring
from slsdeploy_runtime.names import FIFO, Created, check_names
from slsdeploy_runtime.outputs import NotSent, arn_in, logical_id, named, option, variable
from slsdeploy_runtime.resources import allow, queue

if TYPE_CHECKING:
    from slsdeploy_runtime.outlet import Failures, Outgoing

CLIENT = "sqs"
URL = "QUEUE_URL"
# SendMessageBatch: ten entries, and for all of them together what one message may have on a queue with SQS's default settings
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
ENTRIES, BYTES = 10, 262_144
# MessageGroupId and MessageDeduplicationId: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
_ID = re.compile(r"[A-Za-z0-9!-/:-@[-`{-~]{1,128}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A queue, of the stack's own or one that exists.

    Raises ValueError for what SQS refuses.
    """

    type: Literal["sqs"] = "sqs"
    queue: str | None = option(
        None,
        "the name of the queue to create, .fifo behind it for one that keeps order (default: CloudFormation finds one), "
        "or the ARN of one that exists",
    )

    def __post_init__(self) -> None:
        if self.target and service_of(self.target) != "sqs":
            raise ValueError(f'queue: found "{self.queue}", expected the ARN of a queue, or a name')
        check_names(self)

    @property
    def target(self) -> str:
        """Return the ARN of the queue that exists, "" when the stack creates one."""
        return arn_in(self.queue)

    def triggers(self, trigger: Any) -> bool:
        """Say whether its messages would come to a trigger."""
        return trigger is not None and trigger.type == "sqs" and trigger.queue == self.target != ""

    def creates(self) -> Sequence[Created]:
        """Return the queue, if it has a name."""
        return named("queue", self.queue)


def wire(output: Output, trigger: str) -> Wiring:
    """Create the queue unless it exists, and let the function send to it."""
    name = logical_id(trigger, "Queue")
    sends = f"{trigger}Answers"
    if output.target:
        # its URL is asked for: it has the region and the endpoint in it, which an ARN does not tell
        actions = ["sqs:GetQueueUrl", "sqs:SendMessage"]
        return Wiring(statements=[allow(sends, actions, output.target)], outputs={"OutputQueueArn": output.target})
    return Wiring(
        resources=queue(name, output.queue, fifo=(output.queue or "").endswith(FIFO)),
        statements=[allow(sends, ["sqs:SendMessage"], {"Fn::GetAtt": [name, "Arn"]})],
        environment={variable(trigger, URL): {"Ref": name}},
        outputs={"OutputQueueUrl": {"Ref": name}},
    )


class Queue(NamedTuple):
    """A queue by its URL."""

    client: Any
    url: str
    entries: int = ENTRIES
    bytes: int = BYTES
    largest: int = BYTES

    @property
    def is_ordered(self) -> bool:
        return self.url.endswith(FIFO)

    def post(self, answers: Sequence[Outgoing]) -> Failures:
        """Send up to ten answers in one call; return those that SQS did not take."""
        entries = [self._entry(str(index), each) for index, each in enumerate(answers)]
        failed = self.client.send_message_batch(QueueUrl=self.url, Entries=entries).get("Failed", [])
        return {answers[int(each["Id"])].id: NotSent(each.get("Message", each["Code"])) for each in failed}

    def _entry(self, entry_id: str, answer: Outgoing) -> Mapping[str, Any]:
        entry = {"Id": entry_id, "MessageBody": answer.body.decode()}
        if self.is_ordered:  # a message that is delivered again does not answer twice (within five minutes)
            entry |= {"MessageGroupId": _id(answer.group), "MessageDeduplicationId": _id(answer.id)}
        return entry


def way(service: Any, output: Output | None, setting: Callable[[str], str]) -> Queue:
    """Return the queue."""
    client = service.client(CLIENT)
    if output is None or not output.target:
        return Queue(client, setting(URL))
    *_, account, name = output.target.split(":")
    return Queue(client, client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"])


def _id(text: str) -> str:
    """Return a text as SQS takes it for an id: one that is too long, or not ASCII, by its digest."""
    return text if _ID.fullmatch(text) else sha256(text.encode()).hexdigest()
