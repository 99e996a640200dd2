"""AWS::Events::Rule, AWS::Events::EventBus."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from slsdeploy.local.cloudformation.resources import Request, ResourceType, names, tag_changes


class Rule(ResourceType):
    """A rule on an event bus, with its targets; `Ref` is its name, with its bus before it on another than the default one."""

    type = "AWS::Events::Rule"
    properties = names("Description EventBusName EventPattern Name RoleArn ScheduleExpression State Tags Targets")
    replaced_by = names("Name EventBusName")
    named_by = "Name"

    def create(self, request: Request) -> str:
        name = request.name("Name", 64)
        self._put(request, name)
        bus = _bus_name(request)
        return f"{bus}|{name}" if bus != "default" else name

    def configure(self, request: Request, physical_id: str) -> None:
        targets = request.properties.get("Targets") or []
        if targets:
            request.call("events", "put_targets", Rule=_rule_name(physical_id), Targets=targets, **_bus(request))

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        self._put(request, _rule_name(physical_id))
        kept = {target["Id"] for target in request.properties.get("Targets") or ()}
        gone = [target["Id"] for target in former.get("Targets") or () if target["Id"] not in kept]
        if gone:
            request.call("events", "remove_targets", Rule=_rule_name(physical_id), Ids=gone, **_bus(request))
        self.configure(request, physical_id)

    def delete(self, request: Request, physical_id: str) -> None:
        name = _rule_name(physical_id)
        ids = [target["Id"] for target in request.properties.get("Targets") or ()]
        if ids:
            request.remove("events", "remove_targets", Rule=name, Ids=ids, **_bus(request))
        request.remove("events", "delete_rule", Name=name, **_bus(request))

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        bus, name = _bus_name(request), _rule_name(physical_id)
        path = name if bus == "default" else f"{bus}/{name}"
        return {"Arn": f"arn:aws:events:{request.region}:{request.account}:rule/{path}"}

    def _put(self, request: Request, name: str) -> None:
        given = request.pick("Description", "RoleArn", "ScheduleExpression", "State", "Tags")
        pattern = request.properties.get("EventPattern")
        if pattern is not None:
            given["EventPattern"] = pattern if isinstance(pattern, str) else json.dumps(pattern)
        request.call("events", "put_rule", Name=name, **given, **_bus(request))


class EventBus(ResourceType):
    """An event bus; `Ref` is its name."""

    type = "AWS::Events::EventBus"
    properties = names("Name EventSourceName Tags Description KmsKeyIdentifier DeadLetterConfig Policy LogConfig")
    required = names("Name")
    replaced_by = names("Name EventSourceName")
    named_by = "Name"
    tags = True

    def create(self, request: Request) -> str:
        given = request.pick("EventSourceName", "Tags", "Description")
        request.call("events", "create_event_bus", Name=request.properties["Name"], **given)
        return str(request.properties["Name"])

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        arn = self.attributes(request, physical_id)["Arn"]
        added, gone = tag_changes(former, request.properties)
        if gone:
            request.call("events", "untag_resource", ResourceARN=arn, TagKeys=gone)
        if added:
            tags = [{"Key": key, "Value": value} for key, value in added.items()]
            request.call("events", "tag_resource", ResourceARN=arn, Tags=tags)

    def delete(self, request: Request, physical_id: str) -> None:
        request.remove("events", "delete_event_bus", Name=physical_id)

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        arn = f"arn:aws:events:{request.region}:{request.account}:event-bus/{physical_id}"
        return {"Arn": arn, "Name": physical_id}


def _rule_name(physical_id: str) -> str:
    return physical_id.rpartition("|")[2]


def _bus_name(request: Request) -> str:
    return str(request.properties.get("EventBusName", "default")).rpartition("/")[2]


def _bus(request: Request) -> dict[str, str]:
    return request.pick("EventBusName")


TYPES = (Rule(), EventBus())
