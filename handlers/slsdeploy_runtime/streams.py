"""What Kinesis and DynamoDB streams have in common: their options, how Lambda polls them, and how a batch is answered.

A shard's records keep their order: what a batch gives back is the first record that failed, and Lambda goes on from there.
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html

2026-11: when the first record of a batch fails and others follow it, the function fails as a whole. Giving it back would not help: Lambda
would try the same batch until it gives up all of it, the good records too. A function error makes it split the batch
(`bisect_batch_on_function_error`, which uses up no tries) until the poison record is alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from slsdeploy_runtime import answers, destinations, filters
from slsdeploy_runtime.destinations import Destination
from slsdeploy_runtime.events import Site, Wiring, model_option, option
from slsdeploy_runtime.limits import within
from slsdeploy_runtime.resources import queue

if TYPE_CHECKING:
    from slsdeploy_runtime.batch import Item
    from slsdeploy_runtime.outlet import Outlet

WEEK = 604_800


class PoisonRecord(Exception):
    """The first record of a batch failed: Lambda is to split the batch, until that record is alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions:
    """The options of a stream's event source mapping, and where answers go."""

    type: str = ""
    batch_size: int = option(100, "how many records an invocation gets at most")
    maximum_batching_window_in_seconds: int = option(0, "how long Lambda gathers records for a batch")
    starting_position: Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"] = option(
        "TRIM_HORIZON", "where reading begins: at the oldest record, or the newest"
    )
    parallelization_factor: int = option(1, "how many batches of a shard are worked on at once")
    bisect_batch_on_function_error: bool = option(True, "split a batch that failed, until the poison record is alone")
    maximum_retry_attempts: int = option(10, "how often a batch is tried again; -1: until its records expire")
    maximum_record_age_in_seconds: int = option(-1, "records older than this are given up; -1: when they expire")
    on_failure: str = option(
        "queue",
        'where Lambda tells of records that it gave up: "queue" (one of the stack\'s own), "none", '
        "or the ARN of a queue, topic or bucket (a bucket gets the records too)",
    )
    filters: tuple[str, ...] = option((), filters.WORDS)
    output: Literal["queue", "bucket", "none"] | None = answers.output()
    output_name: str | None = answers.output_name()
    model: str | None = model_option("record")


def check(trigger: StreamOptions) -> None:
    """Raise ValueError for what Lambda refuses. https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html."""
    within("batch_size", trigger.batch_size, 1, 10_000)
    within("maximum_batching_window_in_seconds", trigger.maximum_batching_window_in_seconds, 0, 300)
    within("parallelization_factor", trigger.parallelization_factor, 1, 10)
    check_retries(trigger.maximum_retry_attempts, trigger.maximum_record_age_in_seconds)
    check_on_failure(trigger.on_failure)
    filters.check(trigger.filters)
    answers.check_unordered(trigger)


def check_retries(attempts: int, age: int) -> None:
    """Raise ValueError for tries or an age that Lambda refuses."""
    within("maximum_retry_attempts", attempts, -1, 10_000)
    if age != -1:
        within("maximum_record_age_in_seconds", age, 60, WEEK)


def check_on_failure(on_failure: str) -> None:
    """Raise ValueError for what is no destination of a stream."""
    if on_failure not in ("queue", "none"):
        destinations.check("on_failure", on_failure, destinations.STREAM)


def poll(trigger: StreamOptions, stream: Any, patterns: Sequence[str]) -> dict[str, Any]:
    """Return the properties of the SAM event: which stream, from where, how many at a time, what is done about failures."""
    found = {
        "Stream": stream,
        "StartingPosition": trigger.starting_position,
        "BatchSize": trigger.batch_size,
        "BisectBatchOnFunctionError": trigger.bisect_batch_on_function_error,
        "MaximumRetryAttempts": trigger.maximum_retry_attempts,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        **filters.criteria(patterns),
    }
    if trigger.maximum_batching_window_in_seconds:
        found["MaximumBatchingWindowInSeconds"] = trigger.maximum_batching_window_in_seconds
    if trigger.parallelization_factor > 1:
        found["ParallelizationFactor"] = trigger.parallelization_factor
    if trigger.maximum_record_age_in_seconds != -1:
        found["MaximumRecordAgeInSeconds"] = trigger.maximum_record_age_in_seconds
    return found


def wire_failures(on_failure: str, site: Site, poll: dict[str, Any]) -> Wiring:
    """Tell Lambda where it is to send what it gave up, which `poll` gets; create the queue for it when there is to be one."""
    if on_failure == "none":
        return Wiring()
    name = f"{site.trigger}FailedRecords"
    is_own = on_failure == "queue"
    target = Destination({"Fn::GetAtt": [name, "Arn"]}, "sqs") if is_own else destinations.of(on_failure)
    poll["DestinationConfig"] = {"OnFailure": {"Destination": target.arn}}
    return Wiring(
        resources=queue(name, None) if is_own else {},
        statements=target.statements(f"{site.trigger}SendsFailures"),
        outputs={"FailedRecordsQueueUrl": {"Ref": name}} if is_own else {},
    )


def together(*wirings: Wiring) -> Wiring:
    """Join what the parts of a trigger need."""
    return Wiring(
        events={key: value for each in wirings for key, value in each.events.items()},
        resources={key: value for each in wirings for key, value in each.resources.items()},
        statements=[statement for each in wirings for statement in each.statements],
        environment={key: value for each in wirings for key, value in each.environment.items()},
        outputs={key: value for each in wirings for key, value in each.outputs.items()},
    )


def answer(items: Sequence[Item], service: Any, outlet: Outlet, trigger: StreamOptions) -> dict[str, Any]:
    """Answer the records of a batch; return the first that failed of each shard, by its sequence number.

    Raises PoisonRecord when that is the first of several.
    """
    from slsdeploy_runtime.batch import answer_items, first_of_each_group

    failures = answer_items(items, service, outlet, "record {}", trigger.model).failures
    first = first_of_each_group(items, failures)
    if first and len(items) > 1 and first[0] is items[0] and trigger.bisect_batch_on_function_error:
        error = failures[items[0].id]
        raise PoisonRecord(f"record {items[0].id}, the first of {len(items)}, failed: {error}") from error
    return {"batchItemFailures": [{"itemIdentifier": item.about["sequence_number"]} for item in first]}
