"""EventBridge: what a rule lets through is predicted. Nobody waits for the answer; what fails is tried again, then kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

from slsdeploy_runtime import answers, asynchronous
from slsdeploy_runtime.envelope import fits, follow, is_envelope, meta
from slsdeploy_runtime.events import Placed, Problem, Site, Source, Wiring, model_option, option, sample_number
from slsdeploy_runtime.names import Created, check_names, taken_twice

DETAIL_TYPE = "Inference Request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A rule on an event bus. Without an `[output]`, answers go nowhere.

    Raises ValueError for what EventBridge refuses.
    """

    type: Literal["eventbridge"] = "eventbridge"
    pattern: Mapping[str, Any] = field(
        default_factory=lambda: {"detail-type": [DETAIL_TYPE]},
        metadata={
            "description": "which events count, as EventBridge writes it; default: those whose `detail-type` is "
            f'"{DETAIL_TYPE}"'
        },
    )
    bus: str = option("default", "the event bus: the account's default one, the name of one to create, or an ARN")
    input_path: str = option("$.detail", "where the inference request is in the event, as in $.detail.request")
    model: str | None = model_option("request")

    maximum_retry_attempts: int | None = asynchronous.maximum_retry_attempts()
    maximum_event_age_in_seconds: int | None = asynchronous.maximum_event_age_in_seconds()
    on_failure: str | None = asynchronous.on_failure()
    on_success: str | None = asynchronous.on_success()

    def __post_init__(self) -> None:
        if not self.pattern:
            raise ValueError(
                "pattern: found an empty one, expected some fields: every event of the account would count"
            )
        _check_pattern(self.pattern, "pattern")
        if not re.fullmatch(r"\$(\.[A-Za-z0-9_-]+)*", self.input_path):
            raise ValueError(f'input_path: found "{self.input_path}", expected a path such as $.detail.request')
        if self.bus.startswith("arn:") and ":event-bus/" not in self.bus:
            raise ValueError(f'bus: found "{self.bus}", expected the ARN of an event bus, or a name')
        check_names(self)
        asynchronous.check(self)

    @property
    def is_existing(self) -> bool:
        """Say whether the bus is there already, and not the stack's."""
        return self.bus == "default" or self.bus.startswith("arn:")

    def creates(self) -> Sequence[Created]:
        """Return the bus, unless it exists."""
        return [] if self.is_existing else [Created("event bus", self.bus, "bus")]


def _check_pattern(pattern: Mapping[str, Any], place: str) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern.html."""
    for key, value in pattern.items():
        if isinstance(value, Mapping):
            _check_pattern(value, f"{place}.{key}")
        elif not isinstance(value, list | tuple) or not value:
            raise ValueError(f"{place}.{key}: found {value!r}, expected a list of what fits, or a table")


def check(triggers: Sequence[Any]) -> Iterator[Problem]:
    """Find names that are taken, and what cannot be said twice."""
    yield from taken_twice(triggers, Trigger)
    yield from asynchronous.disagreements(triggers, Trigger)


def wire(trigger: Trigger, site: Site) -> Wiring:
    """Create the bus unless it exists, a rule on it, and keep what fails."""
    name = f"{site.trigger}Bus"
    rule: dict[str, Any] = {"Pattern": dict(trigger.pattern)}
    resources: dict[str, Any] = {}
    outputs: dict[str, Any] = {"EventBus": trigger.bus}
    if not trigger.is_existing:
        resources[name] = {"Type": "AWS::Events::EventBus", "Properties": {"Name": trigger.bus}}
        outputs["EventBus"] = {"Ref": name}
    if trigger.bus != "default":
        rule["EventBusName"] = trigger.bus if trigger.is_existing else {"Ref": name}
    events = {site.trigger: {"Type": "EventBridgeRule", "Properties": rule}}
    return Wiring(events=events, resources=resources, outputs=outputs).beside(asynchronous.wire(trigger, site))


def start(service: Any, source: Source) -> None:
    """Import what answers while the environment initialises."""
    import_module("slsdeploy_runtime.pushed")
    answers.start(service, source)


def matches(event: Any, source: Source) -> bool:
    """Say whether this is an event that the trigger's rule lets through."""
    return is_envelope(event) and fits(event, source.options.pattern)


def handle(event: Any, context: Any, service: Any, source: Source) -> object:
    """Predict what the event asks for. Raises when it cannot be, so that Lambda tries the event again."""
    from slsdeploy_runtime.batch import Item
    from slsdeploy_runtime.pushed import answer_pushed
    from slsdeploy_runtime.request import BadInput, Request

    said = meta(event)
    try:
        asked: Request | BadInput = Request(follow(event, source.options.input_path), source="eventbridge", meta=said)
    except BadInput as error:
        asked = error
    event_id = str(said["id"])
    about = {"id": event_id, "detail_type": said["detail_type"]}
    item = Item(event_id, event_id, asked, about, [f"eventbridge {event_id}"] if event_id else [])
    outlet = answers.outlet(service, source)
    (answer,) = answer_pushed([item], service, outlet, "event {}", source.options.model)
    return answer


def sample(body: Any, placed: Placed) -> Any:
    """Return an event with an inference request."""
    trigger: Trigger = placed.options
    inside = body
    for step in reversed(trigger.input_path.removeprefix("$.").split(".")[1:]):
        inside = {step: inside}
    return {
        "version": "0",
        "id": f"sample-{sample_number()}",
        "detail-type": _first(trigger.pattern, "detail-type", DETAIL_TYPE),
        "source": _first(trigger.pattern, "source", "slsdeploy.sample"),
        "account": "123456789012",
        "time": "1970-01-01T00:00:00Z",
        "region": placed.region,
        "resources": [],
        "detail": inside,
    }


def _first(pattern: Mapping[str, Any], key: str, default: str) -> str:
    return next((each for each in pattern.get(key, ()) if isinstance(each, str)), default)
