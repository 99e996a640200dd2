"""Where the answers to a queue's or stream's records go: the options, what the stack needs for it, and the outlet of a batch.

Pure but for `start` and `outlet`, which run inside Lambda.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from slsdeploy_runtime.events import Site, Source, Wiring, option, variable
from slsdeploy_runtime.names import FIFO, Created
from slsdeploy_runtime.resources import allow, bucket, queue

if TYPE_CHECKING:
    from slsdeploy_runtime.outlet import Outlet

Place = Literal["queue", "bucket", "none"]
OUTPUT_QUEUE, OUTPUT_BUCKET = "OUTPUT_QUEUE_URL", "OUTPUT_BUCKET"


class Answering(Protocol):
    """A trigger whose records are answered elsewhere."""

    @property
    def output(self) -> Place: ...

    @property
    def output_name(self) -> str | None: ...


def output() -> Place:
    """Return the option that says where answers go."""
    place: Place = "queue"
    return option(place, "where answers go")


def output_name() -> str | None:
    """Return the option that names it."""
    return option(None, "the name of the queue or bucket to create for answers; default: one is found")


def model() -> str | None:
    """Return the option that names the model."""
    return option(
        None,
        'the model that predicts its records; default: of several, the one that a record names ("model"), or the first',
    )


def check(trigger: Answering) -> None:
    """Raise ValueError for a name of nothing."""
    if trigger.output == "none" and trigger.output_name is not None:
        raise ValueError('output_name: found one with output = "none", which creates nothing')


def check_unordered(trigger: Answering) -> None:
    """Raise ValueError for an ordered queue: a stream's records have no message groups."""
    check(trigger)
    if trigger.output == "queue" and (trigger.output_name or "").endswith(FIFO):
        raise ValueError(
            "output_name: a .fifo queue takes its message groups from an input queue; expected a name without"
        )


def created(trigger: Answering) -> Sequence[Created]:
    """Return the queue or bucket that has a name."""
    if trigger.output == "none" or trigger.output_name is None:
        return []
    return [Created(trigger.output, trigger.output_name, "output_name")]


def wire(trigger: Answering, site: Site, name: str | None = None, *, fifo: bool = False) -> Wiring:
    """Create the queue (of this name, or the trigger's) or the bucket, and let the function write there."""
    if trigger.output == "none":
        return Wiring()
    if trigger.output == "bucket":
        logical_id = f"{site.trigger}OutputBucket"
        return Wiring(
            resources=bucket(logical_id, trigger.output_name),
            statements=[allow(f"{site.trigger}Answers", ["s3:PutObject"], {"Fn::Sub": f"${{{logical_id}.Arn}}/*"})],
            environment={variable(site.trigger, OUTPUT_BUCKET): {"Ref": logical_id}},
            outputs={"OutputBucket": {"Ref": logical_id}},
        )
    logical_id = f"{site.trigger}OutputQueue"
    return Wiring(
        resources=queue(logical_id, trigger.output_name or name, fifo=fifo),
        statements=[allow(f"{site.trigger}Answers", ["sqs:SendMessage"], {"Fn::GetAtt": [logical_id, "Arn"]})],
        environment={variable(site.trigger, OUTPUT_QUEUE): {"Ref": logical_id}},
        outputs={"OutputQueueUrl": {"Ref": logical_id}},
    )


def start(service: Any, source: Source) -> None:
    """Make the client that answers need while the environment initialises."""
    if source.setting(OUTPUT_QUEUE):
        service.client("sqs")
    if source.setting(OUTPUT_BUCKET):
        service.client("s3")


def outlet(service: Any, source: Source, *, fifo: bool = False) -> Outlet:
    """Return where this function's answers go."""
    from slsdeploy_runtime.outlet import Outlet

    return Outlet(service.client, source.setting(OUTPUT_QUEUE), source.setting(OUTPUT_BUCKET), fifo)
