"""Schedules that are due -> their functions, looked at every second: those of EventBridge Scheduler, and rules that have one.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from moto.events.models import events_backends
from moto.scheduler.models import scheduler_backends

from slsdeploy.local.functions import rule_targets
from slsdeploy.local.functions.expressions import is_due
from slsdeploy.local.functions.values import InvokeCall
from slsdeploy.local.lambda_names import ACCOUNT

Invoke = Callable[[InvokeCall], Any]
_log = logging.getLogger(__name__)


class Schedules:
    """What is due since it was last asked. Used by one thread at a time."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke
        self._last: dict[int, tuple[Any, datetime, datetime]] = {}

    def run(self, now: datetime) -> None:
        """Deliver what is due."""
        found = [*_scheduled(), *_rules()]
        self._last = {id(each): self._last[id(each)] for each, *_ in found if id(each) in self._last}
        for each, expression, zone, deliver in found:
            begun = _created(each) or now
            kept, created, last = self._last.get(id(each), (each, begun, begun))
            try:
                due = is_due(expression, zone, created, last, now)
            except ValueError:
                due = False
                _log.debug("cannot read %s", expression, exc_info=True)
            self._last[id(each)] = (kept, created, now)
            if due:
                deliver(self._invoke, each, now)


def _created(schedule: Any) -> datetime | None:
    at = getattr(schedule, "creation_date", None)
    return None if at is None else datetime.fromtimestamp(float(at), UTC)


Found = tuple[Any, str, tzinfo, Callable[[Invoke, Any, datetime], None]]


def _scheduled() -> Iterator[Found]:
    for backend in list(scheduler_backends[ACCOUNT].values()):
        for group in list(backend.schedule_groups.values()):
            for each in list(group.schedules.values()):
                if each.state != "DISABLED":  # moto has None for what an update does not say; that is enabled
                    yield each, each.schedule_expression, _zone(each.schedule_expression_timezone), _call_scheduled


def _rules() -> Iterator[Found]:
    for backend in list(events_backends[ACCOUNT].values()):
        for rule in list(backend.event_buses["default"].rules.values()):
            if rule.scheduled_expression and rule.state == "ENABLED":
                yield rule, rule.scheduled_expression, UTC, _call_rule


def _call_scheduled(invoke: Invoke, schedule: Any, now: datetime) -> None:
    """Call a schedule's function, if it is one; with the schedule's input, or the event that the Scheduler makes."""
    arn = str(schedule.target["Arn"])
    if arn.split(":")[2] != "lambda":
        _log.warning("the local AWS's schedules call functions only, not %s", arn)
        return
    values = {
        "schedule-arn": schedule.arn,
        "scheduled-time": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "execution-id": uuid.uuid4().hex[:16],
        "attempt-number": "1",
    }
    text = str(schedule.target.get("Input") or _DEFAULT.replace("REGION", arn.split(":")[3]))
    for name, value in values.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    invoke(InvokeCall(arn.split(":")[3], arn, payload=text.encode(), invocation_type="Event"))


_DEFAULT = (
    '{"version": "0", "id": "<aws.scheduler.execution-id>", "detail-type": "Scheduled Event", "source": "aws.scheduler", '
    f'"account": "{ACCOUNT}", "time": "<aws.scheduler.scheduled-time>", "region": "REGION", '
    '"resources": ["<aws.scheduler.schedule-arn>"], "detail": "{}"}'
)


def _call_rule(invoke: Invoke, rule: Any, now: datetime) -> None:
    event = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "region": rule.region_name,
        "resources": [rule.arn],
        "detail": {},
    }
    for target in list(rule.targets):
        if str(target["Arn"]).split(":")[2] == "lambda":
            rule_targets.call(invoke, rule, target, event)


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC
