"""SQS: messages are predicted in batches; each answer goes to a queue or a bucket, each failure back to its queue alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from slsdeploy_runtime import answers, filters
from slsdeploy_runtime.destinations import ARN
from slsdeploy_runtime.events import (
    Placed,
    Problem,
    Site,
    Source,
    Wiring,
    model_option,
    option,
    sample_number,
    variable,
)
from slsdeploy_runtime.limits import within
from slsdeploy_runtime.names import FIFO, Created, check_names, taken_twice
from slsdeploy_runtime.resources import VISIBILITY_MAX, allow, queue

QUEUE_ARN = "QUEUE_ARN"
_RECEIVES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A queue of the stack's own with a dead-letter queue, or one that exists; and where answers go.

    Raises ValueError for what SQS or Lambda refuse.
    """

    type: Literal["sqs"] = "sqs"
    queue: str | None = option(
        None,
        "the name of the queue to create, .fifo behind it for one that keeps order (default: CloudFormation finds one), "
        "or the ARN of one that exists",
    )
    batch_size: int = option(10, "how many messages an invocation gets at most; above 10 with a window only")
    maximum_batching_window_in_seconds: int = option(0, "how long Lambda gathers messages for a batch")
    maximum_concurrency: int | None = option(None, "how many batches are worked on at once, at most; default: no limit")
    filters: tuple[str, ...] = option((), filters.WORDS)
    max_receive_count: int = option(_RECEIVES, "how often a message is tried before it goes to the dead-letter queue")
    visibility_timeout: int | None = option(
        None, "seconds until a message that was not answered is shown again; default: 6 times the function's timeout"
    )
    output: Literal["queue", "bucket", "none"] | None = answers.output()
    output_name: str | None = answers.output_name()
    model: str | None = model_option("message")

    def __post_init__(self) -> None:
        check_names(self)
        # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
        within("batch_size", self.batch_size, 1, 10 if self.is_fifo else 10_000)
        within(
            "maximum_batching_window_in_seconds", self.maximum_batching_window_in_seconds, 0, 0 if self.is_fifo else 300
        )
        within("max_receive_count", self.max_receive_count, 1, 1000)
        if self.maximum_concurrency is not None:
            within("maximum_concurrency", self.maximum_concurrency, 2, 1000)
        if self.visibility_timeout is not None:
            within("visibility_timeout", self.visibility_timeout, 0, VISIBILITY_MAX)
        if self.batch_size > 10 and self.maximum_batching_window_in_seconds < 1:
            raise ValueError(
                "maximum_batching_window_in_seconds: found 0, expected at least 1 with a batch_size above 10"
            )
        answers.check(self)
        filters.check(self.filters)
        self._check_queue()
        if self.is_output_fifo and not self.is_fifo:
            raise ValueError(
                "output_name: a .fifo queue takes its message groups from the input queue: that must be .fifo too"
            )

    def _check_queue(self) -> None:
        found = ARN.fullmatch(self.queue or "")
        if found and found["service"] != "sqs":
            raise ValueError(f'queue: found "{self.queue}", expected the ARN of a queue')
        if found and (self.visibility_timeout is not None or self.max_receive_count != _RECEIVES):
            raise ValueError(
                "queue: an existing one has its own visibility_timeout and redrive policy; leave out both options"
            )

    @property
    def is_existing(self) -> bool:
        """Say whether the queue is named by its ARN: neither it nor a dead-letter queue is created then."""
        return ARN.fullmatch(self.queue or "") is not None

    @property
    def is_fifo(self) -> bool:
        """Say whether messages keep their order."""
        return (self.queue or "").endswith(FIFO)

    @property
    def is_output_fifo(self) -> bool:
        """Say whether answers keep it too: unless their queue has a name that says otherwise."""
        return self.output in (None, "queue") and (self.output_name or self.queue or "").endswith(FIFO)

    def creates(self) -> Sequence[Created]:
        """Return the queues and the bucket that have a name, or one made of it."""
        queues = [] if self.is_existing else [("queue", self.queue), ("queue", _derived(self, "dead-letters"))]
        if self.output in (None, "queue") and self.output_name is None:
            queues.append(("queue", _derived(self, "output")))
        named = [Created("queue", name, option) for option, name in queues if name is not None]
        return [*named, *answers.created(self)]


def check(triggers: Sequence[Any]) -> Iterator[Problem]:
    """Find names that are taken."""
    yield from taken_twice(triggers, Trigger)


def wire(trigger: Trigger, site: Site) -> Wiring:
    """Create the queue, its dead-letter queue and the answers' place. Raises ValueError for too short a visibility timeout."""
    name, dead = f"{site.trigger}Queue", f"{site.trigger}DeadLetters"
    arn: Any = trigger.queue if trigger.is_existing else {"Fn::GetAtt": [name, "Arn"]}
    outputs = {"QueueUrl": {"Ref": name}, "QueueArn": arn, "DeadLetterQueueUrl": {"Ref": dead}}
    poll: dict[str, Any] = {
        "Queue": arn,
        "BatchSize": trigger.batch_size,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        **filters.criteria(trigger.filters),
    }
    if trigger.maximum_batching_window_in_seconds:
        poll["MaximumBatchingWindowInSeconds"] = trigger.maximum_batching_window_in_seconds
    if trigger.maximum_concurrency is not None:
        poll["ScalingConfig"] = {"MaximumConcurrency": trigger.maximum_concurrency}
    output = answers.wire(trigger, site, _derived(trigger, "output"))
    consume = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    return Wiring(
        events={site.trigger: {"Type": "SQS", "Properties": poll}},
        resources={**({} if trigger.is_existing else _queues(trigger, site)), **output.resources},
        statements=[allow(f"{site.trigger}Consumes", consume, arn), *output.statements],
        environment={variable(site.trigger, QUEUE_ARN): arn, **output.environment},
        outputs={**({"QueueArn": arn} if trigger.is_existing else outputs), **output.outputs},
    )


def _queues(trigger: Trigger, site: Site) -> dict[str, Any]:
    name, dead = f"{site.trigger}Queue", f"{site.trigger}DeadLetters"
    redrive = {"deadLetterTargetArn": {"Fn::GetAtt": [dead, "Arn"]}, "maxReceiveCount": trigger.max_receive_count}
    return {
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
    if trigger.queue is None or trigger.is_existing:
        return None
    return f"{trigger.queue.removesuffix(FIFO)}-{what}{FIFO if trigger.is_fifo else ''}"


def start(service: Any, source: Source) -> None:
    """Make the client that answers need while the environment initialises."""
    import_module("slsdeploy_runtime.sqs_batch")
    answers.start(service, source)


def matches(event: Any, source: Source) -> bool:
    """Say whether these are messages of this trigger's queue."""
    try:
        record = event["Records"][0]
        return record["eventSource"] == "aws:sqs" and source.setting(QUEUE_ARN) in ("", record["eventSourceARN"])
    except (TypeError, KeyError, IndexError):
        return False


def handle(event: Any, context: Any, service: Any, source: Source) -> object:
    """Answer the batch; return the messages that failed, which SQS will show again (and then take to the dead-letter queue)."""
    from slsdeploy_runtime.sqs_batch import answer_batch

    options: Trigger = source.options
    outlet = answers.outlet(service, source)
    return answer_batch(event["Records"], service, outlet, is_fifo=options.is_fifo, model=options.model)


def sample(body: Any, placed: Placed) -> Any:
    """Return a batch of one message; its answer goes where all answers go."""
    system = {"ApproximateReceiveCount": "1", "SentTimestamp": "0", "ApproximateFirstReceiveTimestamp": "0"}
    if placed.options.is_fifo:
        system |= {"MessageGroupId": "sample", "MessageDeduplicationId": "sample", "SequenceNumber": "0"}
    record = {
        "messageId": f"sample-{sample_number()}",
        "receiptHandle": "sample",
        "body": json.dumps(body),
        "attributes": system,
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": placed.outputs.get("QueueArn", ""),
        "awsRegion": placed.region,
    }
    return {"Records": [record]}
