"""AWS::Scheduler::Schedule, AWS::Scheduler::ScheduleGroup."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slsdeploy.local.cloudformation.resources import Request, ResourceType, names

_SCHEDULE = names(
    """
    Description EndDate FlexibleTimeWindow KmsKeyArn ScheduleExpression ScheduleExpressionTimezone StartDate State Target
    """
)


class Schedule(ResourceType):
    """A schedule and what it calls; `Ref` is its name."""

    type = "AWS::Scheduler::Schedule"
    properties = _SCHEDULE | names("Name GroupName")
    required = names("FlexibleTimeWindow ScheduleExpression Target")
    replaced_by = names("Name")
    named_by = "Name"

    def create(self, request: Request) -> str:
        name = request.name("Name", 64)
        request.call("scheduler", "create_schedule", Name=name, **request.pick("GroupName", *_SCHEDULE))
        return name

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        request.call("scheduler", "update_schedule", Name=physical_id, **request.pick("GroupName", *_SCHEDULE))

    def delete(self, request: Request, physical_id: str) -> None:
        request.remove("scheduler", "delete_schedule", Name=physical_id, **request.pick("GroupName"))

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        group = request.properties.get("GroupName", "default")
        return {"Arn": f"arn:aws:scheduler:{request.region}:{request.account}:schedule/{group}/{physical_id}"}


class ScheduleGroup(ResourceType):
    """A group of schedules; `Ref` is its name."""

    type = "AWS::Scheduler::ScheduleGroup"
    properties = names("Name Tags")
    replaced_by = properties
    named_by = "Name"

    def create(self, request: Request) -> str:
        name = request.name("Name", 64)
        request.call("scheduler", "create_schedule_group", Name=name, **request.pick("Tags"))
        return name

    def delete(self, request: Request, physical_id: str) -> None:
        request.remove("scheduler", "delete_schedule_group", Name=physical_id)

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        return {"Arn": f"arn:aws:scheduler:{request.region}:{request.account}:schedule-group/{physical_id}"}


TYPES = (Schedule(), ScheduleGroup())
