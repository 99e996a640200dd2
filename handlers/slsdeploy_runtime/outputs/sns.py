"""Answers as notifications of a topic, for any number of subscribers. The attribute `source` says which kind of trigger was answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from slsdeploy_runtime.destinations import service_of
from slsdeploy_runtime.events import Wiring
from slsdeploy_runtime.names import FIFO, Created, check_names
from slsdeploy_runtime.outputs import NotSent, arn_in, logical_id, named, option, variable
from slsdeploy_runtime.resources import allow, topic

if TYPE_CHECKING:
    from slsdeploy_runtime.outlet import Failures, Outgoing

CLIENT = "sns"
TOPIC = "TOPIC_ARN"
# https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html
ENTRIES, BYTES = 10, 262_144
_ATTRIBUTE = 64  # what the attribute's name, type and value count for


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A topic, of the stack's own or one that exists.

    Raises ValueError for what SNS refuses.
    """

    type: Literal["sns"] = "sns"
    topic: str | None = option(
        None, "the name of the topic to create (default: CloudFormation finds one), or the ARN of one that exists"
    )

    def __post_init__(self) -> None:
        if self.target and service_of(self.target) != "sns":
            raise ValueError(f'topic: found "{self.topic}", expected the ARN of a topic, or a name')
        if (self.topic or "").endswith(FIFO):
            raise ValueError(f'topic: found "{self.topic}", expected a standard topic (a queue can be {FIFO})')
        check_names(self)

    @property
    def target(self) -> str:
        """Return the ARN of the topic that exists, "" when the stack creates one."""
        return arn_in(self.topic)

    def triggers(self, trigger: Any) -> bool:
        """Say whether its notifications would come to a trigger."""
        return trigger is not None and trigger.type == "sns" and trigger.topic == self.target != ""

    def creates(self) -> Sequence[Created]:
        """Return the topic, if it has a name."""
        return named("topic", self.topic)


def wire(output: Output, trigger: str) -> Wiring:
    """Create the topic unless it exists, and let the function publish to it."""
    name = logical_id(trigger, "Topic")
    arn: Any = output.target or {"Ref": name}
    return Wiring(
        resources={} if output.target else topic(name, output.topic),
        statements=[allow(f"{trigger}Answers", ["sns:Publish"], arn)],
        environment={variable(trigger, TOPIC): arn},
        outputs={"OutputTopicArn": arn},
    )


class Topic(NamedTuple):
    """A topic by its ARN."""

    client: Any
    arn: str
    entries: int = ENTRIES
    bytes: int = BYTES - ENTRIES * _ATTRIBUTE
    largest: int = BYTES - ENTRIES * _ATTRIBUTE
    is_ordered: bool = False

    def post(self, answers: Sequence[Outgoing]) -> Failures:
        """Publish up to ten answers in one call; return those that SNS did not take."""
        entries = [
            {
                "Id": str(index),
                "Message": each.body.decode(),
                "MessageAttributes": {"source": {"DataType": "String", "StringValue": each.source}},
            }
            for index, each in enumerate(answers)
        ]
        failed = self.client.publish_batch(TopicArn=self.arn, PublishBatchRequestEntries=entries).get("Failed", [])
        return {answers[int(each["Id"])].id: NotSent(each.get("Message", each["Code"])) for each in failed}


def way(service: Any, output: Output, setting: Callable[[str], str]) -> Topic:
    """Return the topic."""
    return Topic(service.client(CLIENT), setting(TOPIC))
