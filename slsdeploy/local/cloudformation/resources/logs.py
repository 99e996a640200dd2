"""AWS::Logs::LogGroup."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slsdeploy.local.cloudformation.resources import Request, ResourceType, names, tag_changes, tag_map


class LogGroup(ResourceType):
    """A log group; its events are data, and go with it."""

    type = "AWS::Logs::LogGroup"
    properties = names(
        """
        LogGroupName RetentionInDays KmsKeyId Tags LogGroupClass DataProtectionPolicy FieldIndexPolicies
        ResourcePolicyDocument DeletionProtectionEnabled BearerTokenAuthenticationEnabled
        """
    )
    replaced_by = names("LogGroupName LogGroupClass")
    named_by = "LogGroupName"
    tags = True

    def create(self, request: Request) -> str:
        name = request.name("LogGroupName", 512)
        given = request.properties
        request.call(
            "logs",
            "create_log_group",
            logGroupName=name,
            kmsKeyId=given.get("KmsKeyId"),
            tags=tag_map(given.get("Tags")) or None,
        )
        return name

    def configure(self, request: Request, physical_id: str) -> None:
        if days := request.properties.get("RetentionInDays"):
            request.call("logs", "put_retention_policy", logGroupName=physical_id, retentionInDays=days)

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        if "RetentionInDays" in former and "RetentionInDays" not in request.properties:
            request.call("logs", "delete_retention_policy", logGroupName=physical_id)
        self.configure(request, physical_id)
        added, gone = tag_changes(former, request.properties)
        if gone:
            request.call("logs", "untag_log_group", logGroupName=physical_id, tags=gone)
        if added:
            request.call("logs", "tag_log_group", logGroupName=physical_id, tags=added)

    def delete(self, request: Request, physical_id: str) -> None:
        request.remove("logs", "delete_log_group", logGroupName=physical_id)

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        return {"Arn": f"arn:aws:logs:{request.region}:{request.account}:log-group:{physical_id}:*"}


TYPES = (LogGroup(),)
