"""Schedules: the same inference request, again and again. Nobody waits for the answer; what fails is tried again, then kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from slsdeploy_runtime import answers, asynchronous
from slsdeploy_runtime.envelope import is_envelope, meta
from slsdeploy_runtime.events import Placed, Problem, Site, Source, Wiring, model_option, option, table_option
from slsdeploy_runtime.resources import caller_role

# https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
_EXPRESSION = r"rate\([1-9]\d* (minute|hour|day)s?\)|cron\(\S+( \S+){5}\)|at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)"
SCHEDULED = "Scheduled Event"
NOTHING: tuple[object, ...] = (
    None,
    {},
    "{}",
    "",
)  # the detail of a schedule that has no input of its own: a rule's, the Scheduler's


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A schedule of EventBridge Scheduler, with a role of its own that may call this function only.

    Raises ValueError for what the Scheduler refuses.
    """

    type: Literal["schedule"] = "schedule"
    expression: str = option(
        "rate(1 hour)", "when: rate(5 minutes), cron(0 12 * * ? *), or once: at(2030-01-31T12:00:00)"
    )
    timezone: str = option("UTC", "the time zone of cron and at, as in Europe/Berlin")
    input: Mapping[str, Any] = table_option(
        "the inference request that is sent each time; default: an empty one, for a preprocess that finds its own data"
    )
    model: str | None = model_option("request")

    maximum_retry_attempts: int | None = asynchronous.maximum_retry_attempts()
    maximum_event_age_in_seconds: int | None = asynchronous.maximum_event_age_in_seconds()
    on_failure: str | None = asynchronous.on_failure()
    on_success: str | None = asynchronous.on_success()

    def __post_init__(self) -> None:
        asynchronous.check(self)
        if not re.fullmatch(_EXPRESSION, self.expression):
            raise ValueError(
                f'expression: found "{self.expression}", expected rate(5 minutes), cron(0 12 * * ? *) with six fields, '
                "or at(2030-01-31T12:00:00)"
            )


def check(triggers: Sequence[Any]) -> Iterator[Problem]:
    """Find what cannot be said twice."""
    yield from asynchronous.disagreements(triggers, Trigger)


def wire(trigger: Trigger, site: Site) -> Wiring:
    """Create the schedule and its role. Raises ValueError for a time zone that there is not."""
    _check_zone(trigger.timezone)
    role = f"{site.trigger}Role"
    properties = {
        "ScheduleExpression": trigger.expression,
        "ScheduleExpressionTimezone": trigger.timezone,
        "Input": json.dumps(_envelope(trigger.input), sort_keys=True),
        "RoleArn": {"Fn::GetAtt": [role, "Arn"]},
        "OmitName": True,  # a name of its own would be taken by the next stage
    }
    events = {site.trigger: {"Type": "ScheduleV2", "Properties": properties}}
    roles = {role: caller_role("scheduler.amazonaws.com", site.alias)}
    return Wiring(events=events, resources=roles).beside(asynchronous.wire(trigger, site))


def _envelope(request: Mapping[str, Any]) -> dict[str, Any]:
    """Put the request into an envelope as the Scheduler's own, which has no account and region to put in.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
    """
    return {
        "version": "0",
        "id": "<aws.scheduler.execution-id>",
        "detail-type": SCHEDULED,
        "source": "aws.scheduler",
        "time": "<aws.scheduler.scheduled-time>",
        "resources": ["<aws.scheduler.schedule-arn>"],
        "detail": dict(request),
    }


def _check_zone(name: str) -> None:
    from zoneinfo import ZoneInfo, available_timezones

    known = available_timezones()
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        if known:  # without a database of zones (Windows without tzdata) nothing is known of any
            raise ValueError(f'timezone: found "{name}", expected one such as Europe/Berlin') from None


def start(service: Any, source: Source) -> None:
    """Import what answers while the environment initialises."""
    import_module("slsdeploy_runtime.pushed")
    answers.start(service, source)


def matches(event: Any, source: Source) -> bool:
    """Say whether a schedule sent this: one of the Scheduler's, or a rule's (which sends no request of its own)."""
    return (
        is_envelope(event) and event["source"] in ("aws.scheduler", "aws.events") and event["detail-type"] == SCHEDULED
    )


def handle(event: Any, context: Any, service: Any, source: Source) -> object:
    """Predict what the schedule asks for. Raises when it cannot be, so that Lambda tries the event again."""
    from slsdeploy_runtime.batch import Item
    from slsdeploy_runtime.pushed import answer_pushed
    from slsdeploy_runtime.request import Request

    detail = event.get("detail")
    data = dict(source.options.input) if detail in NOTHING else detail
    said = meta(event)
    request, event_id = Request(data, source="schedule", meta=said), str(said["id"])
    item = Item(event_id, event_id, request, {"id": event_id, "time": said["time"]}, _keys(event))
    outlet = answers.outlet(service, source)
    (answer,) = answer_pushed([item], service, outlet, "schedule {}", source.options.model)
    return answer


def _keys(event: Mapping[str, Any]) -> list[str]:
    """Return what tells this time of this schedule from others; the Scheduler's id is another one when it tries again."""
    schedule, time = event.get("resources") or [""], event.get("time")
    return [f"schedule {schedule[0]} {time}"] if schedule[0] and time else []


def sample(body: Any, placed: Placed) -> Any:
    """Return what the schedule sends; without an `input`, with this inference request."""
    from datetime import UTC, datetime

    arn = f"arn:aws:scheduler:{placed.region}:123456789012:schedule/default/sample"
    made = json.dumps(_envelope(placed.options.input or body))
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"  # another time than that of any sample before
    values = {"execution-id": "sample", "scheduled-time": now, "schedule-arn": arn}
    for name, value in values.items():
        made = made.replace(f"<aws.scheduler.{name}>", value)
    return json.loads(made)
