"""SQS: messages are predicted in batches; each answer goes to a queue or a bucket, each failure back to its queue alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from slsdeploy_runtime.events import Placed, Problem, Site, Source, Wiring, option, variable
from slsdeploy_runtime.names import FIFO, Created, check_names, taken_twice
from slsdeploy_runtime.resources import VISIBILITY_MAX, allow, bucket, queue

QUEUE_ARN, OUTPUT_QUEUE, OUTPUT_BUCKET = "QUEUE_ARN", "OUTPUT_QUEUE_URL", "OUTPUT_BUCKET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A queue of the stack's own with a dead-letter queue, and where answers go.

    Raises ValueError for what SQS or Lambda refuse.
    """

    type: Literal["sqs"] = "sqs"
    queue: str | None = option(
        None,
        "the name of the queue to create, .fifo behind it for one that keeps order; default: CloudFormation finds one",
    )
    batch_size: int = option(10, "how many messages an invocation gets at most; above 10 with a window only")
    maximum_batching_window_in_seconds: int = option(0, "how long Lambda gathers messages for a batch")
    maximum_concurrency: int | None = option(None, "how many batches are worked on at once, at most; default: no limit")
    max_receive_count: int = option(5, "how often a message is tried before it goes to the dead-letter queue")
    visibility_timeout: int | None = option(
        None, "seconds until a message that was not answered is shown again; default: 6 times the function's timeout"
    )
    output: Literal["queue", "bucket", "none"] = option("queue", "where answers go")
    output_name: str | None = option(
        None, "the name of the queue or bucket to create for answers; default: one is found"
    )

    def __post_init__(self) -> None:
        check_names(self)
        # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
        _within("batch_size", self.batch_size, 1, 10 if self.is_fifo else 10_000)
        _within(
            "maximum_batching_window_in_seconds", self.maximum_batching_window_in_seconds, 0, 0 if self.is_fifo else 300
        )
        _within("max_receive_count", self.max_receive_count, 1, 1000)
        if self.maximum_concurrency is not None:
            _within("maximum_concurrency", self.maximum_concurrency, 2, 1000)
        if self.visibility_timeout is not None:
            _within("visibility_timeout", self.visibility_timeout, 0, VISIBILITY_MAX)
        if self.batch_size > 10 and self.maximum_batching_window_in_seconds < 1:
            raise ValueError(
                "maximum_batching_window_in_seconds: found 0, expected at least 1 with a batch_size above 10"
            )
        if self.output == "none" and self.output_name is not None:
            raise ValueError('output_name: found one with output = "none", which creates nothing')
        if self.is_output_fifo and not self.is_fifo:
            raise ValueError(
                "output_name: a .fifo queue takes its message groups from the input queue: that must be .fifo too"
            )

    @property
    def is_fifo(self) -> bool:
        """Say whether messages keep their order."""
        return (self.queue or "").endswith(FIFO)

    @property
    def is_output_fifo(self) -> bool:
        """Say whether answers keep it too: unless their queue has a name that says otherwise."""
        return self.output == "queue" and (self.output_name or self.queue or "").endswith(FIFO)

    def creates(self) -> Sequence[Created]:
        """Return the queues and the bucket that have a name, or one made of it."""
        queues = [("queue", self.queue), ("queue", _derived(self, "dead-letters"))]
        if self.output == "queue":
            option = "queue" if self.output_name is None else "output_name"
            queues.append((option, self.output_name or _derived(self, "output")))
        created = [Created("queue", name, option) for option, name in queues if name is not None]
        if self.output == "bucket" and self.output_name is not None:
            created.append(Created("bucket", self.output_name, "output_name"))
        return created


def check(triggers: Sequence[Any]) -> Iterator[Problem]:
    """Find names that are taken."""
    yield from taken_twice(triggers, Trigger)


def wire(trigger: Trigger, site: Site) -> Wiring:
    """Create the queue, its dead-letter queue and the answers' place. Raises ValueError for too short a visibility timeout."""
    name, dead = f"{site.trigger}Queue", f"{site.trigger}DeadLetters"
    arn = {"Fn::GetAtt": [name, "Arn"]}
    redrive = {"deadLetterTargetArn": {"Fn::GetAtt": [dead, "Arn"]}, "maxReceiveCount": trigger.max_receive_count}
    resources = {
        **queue(dead, _derived(trigger, "dead-letters"), fifo=trigger.is_fifo),
        **queue(
            name,
            trigger.queue,
            fifo=trigger.is_fifo,
            VisibilityTimeout=_visibility_timeout(trigger, site.timeout),
            MessageRetentionPeriod=4 * 24 * 3600,  # less than the dead-letter queue's: a message keeps its age there
            RedrivePolicy=redrive,
        ),
    }
    poll: dict[str, Any] = {
        "Queue": arn,
        "BatchSize": trigger.batch_size,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }
    if trigger.maximum_batching_window_in_seconds:
        poll["MaximumBatchingWindowInSeconds"] = trigger.maximum_batching_window_in_seconds
    if trigger.maximum_concurrency is not None:
        poll["ScalingConfig"] = {"MaximumConcurrency": trigger.maximum_concurrency}
    output = _wire_output(trigger, site)
    consume = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    return Wiring(
        events={site.trigger: {"Type": "SQS", "Properties": poll}},
        resources={**resources, **output.resources},
        statements=[allow(f"{site.trigger}Consumes", consume, arn), *output.statements],
        environment={variable(site.trigger, QUEUE_ARN): arn, **output.environment},
        outputs={"QueueUrl": {"Ref": name}, "QueueArn": arn, "DeadLetterQueueUrl": {"Ref": dead}, **output.outputs},
    )


def _wire_output(trigger: Trigger, site: Site) -> Wiring:
    if trigger.output == "none":
        return Wiring()
    if trigger.output == "bucket":
        name = f"{site.trigger}OutputBucket"
        return Wiring(
            resources=bucket(name, trigger.output_name),
            statements=[allow(f"{site.trigger}Answers", ["s3:PutObject"], {"Fn::Sub": f"${{{name}.Arn}}/*"})],
            environment={variable(site.trigger, OUTPUT_BUCKET): {"Ref": name}},
            outputs={"OutputBucket": {"Ref": name}},
        )
    name = f"{site.trigger}OutputQueue"
    named = trigger.output_name or _derived(trigger, "output")
    return Wiring(
        resources=queue(name, named, fifo=trigger.is_output_fifo),
        statements=[allow(f"{site.trigger}Answers", ["sqs:SendMessage"], {"Fn::GetAtt": [name, "Arn"]})],
        environment={variable(site.trigger, OUTPUT_QUEUE): {"Ref": name}},
        outputs={"OutputQueueUrl": {"Ref": name}},
    )


def _visibility_timeout(trigger: Trigger, timeout: int) -> int:
    """Return the queue's visibility timeout: 6 times the function's, and the time that a batch may wait to fill.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-queueconfig
    """
    least = 6 * timeout
    if trigger.visibility_timeout is None:
        return min(least + trigger.maximum_batching_window_in_seconds, VISIBILITY_MAX)
    if trigger.visibility_timeout < least:
        raise ValueError(
            f"visibility_timeout: found {trigger.visibility_timeout}, expected at least {least} "
            f"(6 times the function's timeout of {timeout} s), or messages come again while they are worked on"
        )
    return trigger.visibility_timeout


def _derived(trigger: Trigger, what: str) -> str | None:
    """Name a queue after the input queue when that has a name; FIFO queues must, and share the ending."""
    if trigger.queue is None:
        return None
    return f"{trigger.queue.removesuffix(FIFO)}-{what}{FIFO if trigger.is_fifo else ''}"


def _within(key: str, found: int, least: int, most: int) -> None:
    if not least <= found <= most:
        raise ValueError(f"{key}: found {found}, expected {least} to {most}")


def start(service: Any, source: Source) -> None:
    """Make the client that answers need while the environment initialises."""
    import_module("slsdeploy_runtime.sqs_batch")
    if source.setting(OUTPUT_QUEUE):
        service.client("sqs")
    if source.setting(OUTPUT_BUCKET):
        service.client("s3")


def matches(event: Any, source: Source) -> bool:
    """Say whether these are messages of this trigger's queue."""
    try:
        record = event["Records"][0]
        return record["eventSource"] == "aws:sqs" and source.setting(QUEUE_ARN) in ("", record["eventSourceARN"])
    except (TypeError, KeyError, IndexError):
        return False


def handle(event: Any, context: Any, service: Any, source: Source) -> object:
    """Answer the batch; return the messages that failed, which SQS will show again (and then take to the dead-letter queue)."""
    from slsdeploy_runtime.request import read_event
    from slsdeploy_runtime.sqs_batch import Outlet, answer_batch, check

    options: Trigger = source.options
    read_event("SQS", check, event["Records"], options.is_fifo)
    outlet = Outlet(service.client, source.setting(OUTPUT_QUEUE), source.setting(OUTPUT_BUCKET), options.is_output_fifo)
    return answer_batch(event["Records"], service, outlet, is_fifo=options.is_fifo)


def sample(body: Any, placed: Placed) -> Any:
    """Return a batch of one message; its answer goes where all answers go."""
    system = {"ApproximateReceiveCount": "1", "SentTimestamp": "0", "ApproximateFirstReceiveTimestamp": "0"}
    if placed.options.is_fifo:
        system |= {"MessageGroupId": "sample", "MessageDeduplicationId": "sample", "SequenceNumber": "0"}
    record = {
        "messageId": "sample",
        "receiptHandle": "sample",
        "body": json.dumps(body),
        "attributes": system,
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": placed.outputs.get("QueueArn", ""),
        "awsRegion": placed.region,
    }
    return {"Records": [record]}
