"""What happens to an event that is delivered asynchronously and fails: Lambda's own options, of every trigger of that kind. Pure.

They are the function's, not the trigger's, on AWS (one EventInvokeConfig for the alias): triggers that say something must say the same.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from slsdeploy_runtime import destinations
from slsdeploy_runtime.events import Problem, Site, Wiring, option
from slsdeploy_runtime.limits import within
from slsdeploy_runtime.resources import allow, queue


@runtime_checkable
class Asynchronous(Protocol):
    """A trigger with these options."""

    @property
    def maximum_retry_attempts(self) -> int | None: ...

    @property
    def maximum_event_age_in_seconds(self) -> int | None: ...

    @property
    def on_failure(self) -> str | None: ...

    @property
    def on_success(self) -> str | None: ...


class _Said(NamedTuple):
    retries: int | None
    age: int | None
    on_failure: str | None
    on_success: str | None


OPTIONS = ("maximum_retry_attempts", "maximum_event_age_in_seconds", "on_failure", "on_success")


def maximum_retry_attempts() -> int | None:
    """Return the option."""
    return option(None, "how often an event is tried again, 0 to 2; default: 2")


def maximum_event_age_in_seconds() -> int | None:
    """Return the option."""
    return option(None, "how long an event may wait and be tried, 60 to 21600; default: 6 hours")


def on_failure() -> str | None:
    """Return the option."""
    return option(
        None,
        "where an event goes that failed for good: the ARN of a queue, topic, function, event bus or bucket; "
        "default: a dead-letter queue of the stack's own",
    )


def on_success() -> str | None:
    """Return the option."""
    return option(None, "who hears of an event that succeeded: the ARN of a queue, topic, function or event bus")


def check(trigger: Asynchronous) -> None:
    """Raise ValueError for what Lambda refuses."""
    said = _said(trigger)
    if said.retries is not None:
        within("maximum_retry_attempts", said.retries, 0, 2)
    if said.age is not None:
        within("maximum_event_age_in_seconds", said.age, 60, 21_600)
    if said.on_failure is not None:
        destinations.check("on_failure", said.on_failure, destinations.ON_FAILURE)
    if said.on_success is not None:
        destinations.check("on_success", said.on_success, destinations.ON_SUCCESS)


def disagreements(triggers: Sequence[Any], type: type) -> Iterator[Problem]:
    """Find triggers of a type that say otherwise than an earlier asynchronous one: the function has these options once."""
    earlier: list[tuple[int, _Said]] = []
    for index, trigger in enumerate(triggers):
        if not isinstance(trigger, Asynchronous):
            continue
        said = _said(trigger)
        for first, other in earlier if isinstance(trigger, type) else ():
            differing = next((name for name, one, two in zip(OPTIONS, said, other, strict=True) if one != two), None)
            if differing is not None:
                message = (
                    f"is not what trigger[{first}] says: a function has one such setting for all asynchronous events"
                )
                yield Problem(index, differing, message, "say the same in both")
                break
        earlier.append((index, said))


def wire(trigger: Asynchronous, site: Site) -> Wiring:
    """Let events that fail for good go to their destination, or to a dead-letter queue; set retries and age."""
    said, config, statements = _said(trigger), dict[str, Any](), list[dict[str, Any]]()
    if said.retries is not None:
        config["MaximumRetryAttempts"] = said.retries
    if said.age is not None:
        config["MaximumEventAgeInSeconds"] = said.age
    for kind, chosen in (("OnFailure", said.on_failure), ("OnSuccess", said.on_success)):
        if chosen is not None:
            target = destinations.of(chosen)
            sent = config.setdefault("DestinationConfig", {})
            sent[kind] = {"Type": target.sam_type, "Destination": target.arn}
            statements += target.statements(f"{site.trigger}Sends{kind}")
    properties = {"EventInvokeConfig": config} if config else {}
    if said.on_failure is not None:
        return Wiring(properties=properties, statements=statements)
    failed = f"{site.function}FailedEvents"
    arn = {"Fn::GetAtt": [failed, "Arn"]}
    return Wiring(
        # an asynchronous event is tried three times; then it would be gone:
        # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
        properties={"DeadLetterQueue": {"Type": "SQS", "TargetArn": arn}, **properties},
        resources=queue(failed, None),
        statements=[allow(f"{site.trigger}KeepsFailedEvents", ["sqs:SendMessage"], arn), *statements],
        outputs={"FailedEventsQueueUrl": {"Ref": failed}},
    )


def _said(trigger: Asynchronous) -> _Said:
    return _Said(
        trigger.maximum_retry_attempts,
        trigger.maximum_event_age_in_seconds,
        trigger.on_failure,
        trigger.on_success,
    )
