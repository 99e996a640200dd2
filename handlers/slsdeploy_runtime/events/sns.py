"""SNS: each notification of a topic is an inference request. Nobody waits for the answer; what fails is tried again, then kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from slsdeploy_runtime import answers, asynchronous
from slsdeploy_runtime.events import (
    Placed,
    Problem,
    Site,
    Source,
    Wiring,
    model_option,
    option,
    sample_number,
    table_option,
    variable,
)
from slsdeploy_runtime.names import FIFO, Created, check_names, taken_twice
from slsdeploy_runtime.resources import topic

if TYPE_CHECKING:
    from slsdeploy_runtime.batch import Item

TOPIC_ARN = "TOPIC_ARN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A topic, of the stack's own or an existing one. Without an `[output]`, answers go nowhere.

    Raises ValueError for what SNS refuses.
    """

    type: Literal["sns"] = "sns"
    topic: str | None = option(
        None, "the name of the topic to create, or the ARN of one that exists; default: CloudFormation finds a name"
    )
    filter_policy: Mapping[str, Any] = table_option("which messages count, as SNS writes it; default: all of them")
    filter_policy_scope: Literal["MessageAttributes", "MessageBody"] = option(
        "MessageAttributes", "what the filter policy looks at"
    )
    model: str | None = model_option("request")

    maximum_retry_attempts: int | None = asynchronous.maximum_retry_attempts()
    maximum_event_age_in_seconds: int | None = asynchronous.maximum_event_age_in_seconds()
    on_failure: str | None = asynchronous.on_failure()
    on_success: str | None = asynchronous.on_success()

    def __post_init__(self) -> None:
        # https://docs.aws.amazon.com/sns/latest/dg/fifo-topic-message-delivery.html
        if (self.topic or "").endswith(FIFO):
            raise ValueError(
                f'topic: found "{self.topic}", expected a standard topic: SNS sends those of {FIFO} topics to queues '
                'only (subscribe the queue of an "sqs" trigger)'
            )
        if self.is_existing and (self.topic or "").split(":")[2:3] != ["sns"]:
            raise ValueError(f'topic: found "{self.topic}", expected the ARN of a topic, or a name')
        check_names(self)
        asynchronous.check(self)

    @property
    def is_existing(self) -> bool:
        """Say whether the topic is there already, and not the stack's."""
        return (self.topic or "").startswith("arn:")

    def creates(self) -> Sequence[Created]:
        """Return the topic, if it has a name."""
        return [] if self.topic is None or self.is_existing else [Created("topic", self.topic, "topic")]


def check(triggers: Sequence[Any]) -> Iterator[Problem]:
    """Find names that are taken, and what cannot be said twice."""
    yield from taken_twice(triggers, Trigger)
    yield from asynchronous.disagreements(triggers, Trigger)


def wire(trigger: Trigger, site: Site) -> Wiring:
    """Create the topic unless it exists, subscribe the function, and keep what fails."""
    name = f"{site.trigger}Topic"
    arn = trigger.topic if trigger.is_existing else {"Ref": name}
    subscribe: dict[str, Any] = {"Topic": arn}
    if trigger.filter_policy:
        subscribe["FilterPolicy"] = dict(trigger.filter_policy)
        subscribe["FilterPolicyScope"] = trigger.filter_policy_scope
    return Wiring(
        events={site.trigger: {"Type": "SNS", "Properties": subscribe}},
        resources={} if trigger.is_existing else topic(name, trigger.topic),
        environment={variable(site.trigger, TOPIC_ARN): arn},
        outputs={"TopicArn": arn},
    ).beside(asynchronous.wire(trigger, site))


def start(service: Any, source: Source) -> None:
    """Import what answers while the environment initialises."""
    import_module("slsdeploy_runtime.pushed")
    answers.start(service, source)


def matches(event: Any, source: Source) -> bool:
    """Say whether these are notifications of this trigger's topic."""
    try:
        record = event["Records"][0]
        return record["EventSource"] == "aws:sns" and source.setting(TOPIC_ARN) in ("", record["Sns"]["TopicArn"])
    except (TypeError, KeyError, IndexError):
        return False


def handle(event: Any, context: Any, service: Any, source: Source) -> object:
    """Predict what the notifications ask for. Raises when one of them cannot be, so that Lambda tries the event again."""
    from slsdeploy_runtime.pushed import answer_pushed
    from slsdeploy_runtime.request import read_event

    items = read_event("SNS", _read, event, service.handler.preprocess is not None)
    outlet = answers.outlet(service, source)
    return {"answers": answer_pushed(items, service, outlet, "message {}", source.options.model)}


def _read(event: Any, is_raw_welcome: bool) -> list[Item]:
    """Return each notification."""
    from slsdeploy_runtime.batch import Item, text
    from slsdeploy_runtime.pushed import request_of

    items = []
    for record in event["Records"]:
        message = record["Sns"]
        meta, message_id = _meta(message), text(message["MessageId"])
        request = request_of(_text(message["Message"]), "sns", meta, is_raw_welcome)
        about = {"message_id": message_id, "topic": meta["topic"]}
        items.append(Item(message_id, message_id, request, about, [f"sns {meta['topic']} {message_id}"]))
    return items


def _text(found: Any) -> str:
    if not isinstance(found, str):
        raise TypeError(f"the Message is a {type(found).__name__}")
    return found


def _meta(message: Mapping[str, Any]) -> dict[str, Any]:
    attributes = message.get("MessageAttributes") or {}
    return {
        "message_id": message["MessageId"],
        "topic": message["TopicArn"],
        "subject": message.get("Subject") or "",
        "timestamp": message.get("Timestamp", ""),
        "attributes": {name: each.get("Value") for name, each in attributes.items()},
    }


def sample(body: Any, placed: Placed) -> Any:
    """Return a notification with an inference request."""
    arn = placed.outputs.get("TopicArn", "")
    message: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": f"sample-{sample_number()}",
        "TopicArn": arn,
        "Subject": None,
        "Message": json.dumps(body),
        "Timestamp": "1970-01-01T00:00:00.000Z",
        "MessageAttributes": {},
    }
    record = {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": f"{arn}:sample", "Sns": message}
    return {"Records": [record]}
