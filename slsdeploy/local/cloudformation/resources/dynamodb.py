"""AWS::DynamoDB::Table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slsdeploy.local.cloudformation.resources import Request, ResourceType, names, tag_changes

_SETTINGS = names(
    """
    AttributeDefinitions BillingMode ProvisionedThroughput OnDemandThroughput TableClass DeletionProtectionEnabled
    """
)
_MADE = names("KeySchema LocalSecondaryIndexes GlobalSecondaryIndexes")


class Table(ResourceType):
    """A table; `Ref` is its name."""

    type = "AWS::DynamoDB::Table"
    # Recorded only: the last line.
    properties = (
        names(
            """
        TableName StreamSpecification TimeToLiveSpecification PointInTimeRecoverySpecification SSESpecification Tags
        ContributorInsightsSpecification KinesisStreamSpecification ResourcePolicy WarmThroughput ImportSourceSpecification
        """
        )
        | _SETTINGS
        | _MADE
    )
    required = names("KeySchema")
    replaced_by = names("TableName KeySchema LocalSecondaryIndexes ImportSourceSpecification")
    named_by = imported_by = "TableName"
    tags = True

    def create(self, request: Request) -> str:
        name = request.name("TableName", 255)
        given = request.pick(*_SETTINGS, *_MADE, "Tags")
        given["StreamSpecification"] = _stream(request.properties)
        given["SSESpecification"] = _encryption(request.properties)
        request.call("dynamodb", "create_table", TableName=name, **given)
        return name

    def exists(self, request: Request, physical_id: str) -> bool:
        return physical_id in request.call("dynamodb", "list_tables")["TableNames"]

    def configure(self, request: Request, physical_id: str) -> None:
        self._set(request, physical_id, {})

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        changed = {key: request.properties[key] for key in _changed(request, former, _SETTINGS)}
        if _stream(request.properties) != _stream(former):
            changed["StreamSpecification"] = _stream(request.properties) or {"StreamEnabled": False}
        if changed:
            request.call("dynamodb", "update_table", TableName=physical_id, **changed)
        added, gone = tag_changes(former, request.properties)
        arn = self.attributes(request, physical_id)["Arn"]
        if gone:
            request.call("dynamodb", "untag_resource", ResourceArn=arn, TagKeys=gone)
        if added:
            tags = [{"Key": key, "Value": value} for key, value in added.items()]
            request.call("dynamodb", "tag_resource", ResourceArn=arn, Tags=tags)
        self._set(request, physical_id, former)

    def _set(self, request: Request, name: str, former: Mapping[str, Any]) -> None:
        for key in _changed(request, former, ("TimeToLiveSpecification",)):
            request.call("dynamodb", "update_time_to_live", TableName=name, **{key: request.properties[key]})
        for key in _changed(request, former, ("PointInTimeRecoverySpecification",)):
            request.call("dynamodb", "update_continuous_backups", TableName=name, **{key: request.properties[key]})

    def delete(self, request: Request, physical_id: str) -> None:
        request.remove("dynamodb", "delete_table", TableName=physical_id)

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        table = request.call("dynamodb", "describe_table", TableName=physical_id)["Table"]
        return {"Arn": table["TableArn"], "StreamArn": table.get("LatestStreamArn", "")}


def _changed(request: Request, former: Mapping[str, Any], keys: Any) -> list[str]:
    given = request.properties
    return [key for key in sorted(keys) if key in given and given[key] != former.get(key)]


def _stream(properties: Mapping[str, Any]) -> dict[str, Any] | None:
    found = properties.get("StreamSpecification")
    return {"StreamEnabled": True, "StreamViewType": found["StreamViewType"]} if found else None


def _encryption(properties: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the setting as the API names it."""
    found = properties.get("SSESpecification")
    if not found:
        return None
    return {"Enabled" if key == "SSEEnabled" else key: value for key, value in found.items()}


TYPES = (Table(),)
