"""An event that fits a rule -> the rule's functions, each with its own input: asynchronous, as everything that is pushed.

moto delivers to queues, logs and buses, and refuses functions. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html
"""

from __future__ import annotations

import copy
import json
import logging
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from moto.events.utils import EventTemplateParser

from slsdeploy.local.functions.s3_event import sequencer
from slsdeploy.local.functions.values import InvokeCall
from slsdeploy.local.mends.permissions import function_lets_in

Invoke = Callable[[InvokeCall], Any]
_log = logging.getLogger(__name__)


def send_to_targets(invoke: Invoke, original: Callable[..., None]) -> Callable[..., None]:
    """Return what delivers to a rule's targets: to functions in our way, to all else in moto's."""

    def deliver(self: Any, original_event: Any, transform_input: bool = True) -> None:
        pattern = self.event_pattern
        # moto takes no pattern for one that everything fits; a rule without one has a schedule
        if self.state == "DISABLED" or not (pattern.get_pattern() and pattern.matches_event(original_event)):
            return
        functions = [target for target in self.targets if _service(target) == "lambda"]
        for target in functions:
            call(invoke, self, target, complete(original_event))
        others = copy.copy(self)
        others.targets = [target for target in self.targets if target not in functions]
        if others.targets:
            original(others, original_event, transform_input)

    return deliver


def call(invoke: Invoke, rule: Any, target: Mapping[str, Any], event: dict[str, Any]) -> None:
    """Deliver an event to one function, if its policy lets the rule in."""
    arn = str(target["Arn"])
    if not function_lets_in(arn, "events.amazonaws.com", rule.arn):
        _log.warning("%s may not invoke %s: its policy does not say so", rule.arn, arn)
        return
    payload = json.dumps(_input(target, event)).encode()
    invoke(InvokeCall(arn.split(":")[3], arn, payload=payload, invocation_type="Event"))


def complete(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event as EventBridge sends it: with an id, its time as text, and nothing of moto's own.

    S3's gets a sequencer: moto gives the same to all of them.
    """
    made = {name: value for name, value in event.items() if name != "ingestion-time"}
    if isinstance(made.get("time"), int | float):
        made["time"] = f"{datetime.fromtimestamp(made['time'], UTC):%Y-%m-%dT%H:%M:%SZ}"
    if made.get("source") == "aws.s3":
        made["detail"] = {**made["detail"], "object": {**made["detail"]["object"], "sequencer": sequencer()}}
    return {**made, "id": made.get("id") or str(uuid.uuid4())}


def _input(target: Mapping[str, Any], event: dict[str, Any]) -> Any:
    """Return what a target is given: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html."""
    if "Input" in target:
        return json.loads(target["Input"])
    if "InputPath" in target:
        from jsonpath_ng.ext.parser import parse

        found = parse(target["InputPath"]).find(event)
        return found[0].value if found else None
    if "InputTransformer" in target:
        made = target["InputTransformer"]
        timed = {**event, "ingestion-time": event.get("time", "")}
        return EventTemplateParser.parse(made.get("InputTemplate"), made.get("InputPathsMap", {}), timed)
    return event


def _service(target: Mapping[str, Any]) -> str:
    return str(target["Arn"]).split(":")[2]
