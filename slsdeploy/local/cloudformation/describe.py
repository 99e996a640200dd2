"""What CloudFormation remembers -> the dicts that its API answers with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from slsdeploy.local.cloudformation.records import Change, ChangeSet, Desired, Event, Resource, Stack

_DRIFT = {"StackDriftStatus": "NOT_CHECKED"}


def stack(item: Stack) -> dict[str, Any]:
    """Return a stack as DescribeStacks shows it."""
    desired = item.current
    return {
        **_named(item),
        "Description": item.description or None,
        "Parameters": parameters(desired),
        "CreationTime": item.created,
        "LastUpdatedTime": item.updated,
        "DeletionTime": item.deleted,
        "RollbackConfiguration": {},
        "StackStatus": item.status,
        "StackStatusReason": item.reason or None,
        "DisableRollback": desired is not None and desired.on_failure == "DO_NOTHING",
        "NotificationARNs": [],
        "Capabilities": list(desired.capabilities) if desired else [],
        "Outputs": item.outputs or None,
        "RoleARN": desired.role_arn if desired else None,
        "Tags": list(desired.tags) if desired else [],
        "EnableTerminationProtection": item.protected,
        "ChangeSetId": item.executed,
        "DriftInformation": _DRIFT,
    }


def summary(item: Stack) -> dict[str, Any]:
    """Return a stack as ListStacks shows it."""
    keys = (
        "StackId",
        "StackName",
        "CreationTime",
        "LastUpdatedTime",
        "DeletionTime",
        "StackStatus",
        "StackStatusReason",
    )
    whole = stack(item)
    return {
        **{key: whole[key] for key in keys},
        "TemplateDescription": whole["Description"],
        "DriftInformation": _DRIFT,
    }


def parameters(desired: Desired | None) -> list[dict[str, str]]:
    """Return the values of a template's parameters as they were given; those that are not to be shown are masked."""
    return [dict(item) for item in desired.parameters] if desired else []


def event(item: Event, of: Stack) -> dict[str, Any]:
    """Return an event as DescribeStackEvents shows it."""
    return {
        **_named(of),
        "EventId": item.id,
        "LogicalResourceId": item.logical_id,
        "PhysicalResourceId": item.physical_id,
        "ResourceType": item.type,
        "Timestamp": item.at,
        "ResourceStatus": item.status,
        "ResourceStatusReason": item.reason or None,
        "ResourceProperties": None if item.properties is None else _json(item.properties),
        "ClientRequestToken": item.token,
    }


def resource(item: Resource, of: Stack) -> dict[str, Any]:
    """Return a resource as DescribeStackResources shows it."""
    return {
        **_named(of),
        "LogicalResourceId": item.logical_id,
        "PhysicalResourceId": item.physical_id or None,
        "ResourceType": item.type,
        "Timestamp": item.at,
        "LastUpdatedTimestamp": item.at,
        "ResourceStatus": item.status,
        "ResourceStatusReason": item.reason or None,
        "Metadata": _json(item.metadata) if item.metadata else None,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }


def change_set(item: ChangeSet, of: Stack) -> dict[str, Any]:
    """Return a change set as DescribeChangeSet shows it."""
    return {
        **change_set_summary(item, of),
        "Parameters": parameters(item.desired),
        "Capabilities": list(item.desired.capabilities),
        "Tags": list(item.desired.tags),
        "RollbackConfiguration": {},
        "NotificationARNs": [],
        "OnStackFailure": item.desired.on_failure if item.kind == "CREATE" else None,
        "Changes": [{"Type": "Resource", "ResourceChange": _change(each)} for each in item.changes],
    }


def change_set_summary(item: ChangeSet, of: Stack) -> dict[str, Any]:
    """Return a change set as ListChangeSets shows it."""
    return {
        **_named(of),
        "ChangeSetId": item.id,
        "ChangeSetName": item.name,
        "Description": item.description or None,
        "CreationTime": item.created,
        "ExecutionStatus": _execution(item, of),
        "Status": item.status,
        "StatusReason": item.reason or None,
        "IncludeNestedStacks": False,
        "ImportExistingResources": item.imports_existing,
    }


def _execution(item: ChangeSet, of: Stack) -> str:
    if item.execution != "EXECUTE_IN_PROGRESS" or of.busy:
        return item.execution
    return "EXECUTE_COMPLETE" if of.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE") else "EXECUTE_FAILED"


def _named(of: Stack) -> dict[str, str]:
    return {"StackId": of.id, "StackName": of.name}


def _change(item: Change) -> dict[str, Any]:
    changed: dict[str, Any] = {
        "Action": item.action,
        "LogicalResourceId": item.logical_id,
        "PhysicalResourceId": item.physical_id or None,
        "ResourceType": item.type,
        "PolicyAction": item.policy_action or None,
        "Scope": sorted({detail.attribute for detail in item.details}),
        "Details": [],
    }
    if item.action == "Modify":
        changed["Replacement"] = "True" if item.replaces else "False"
        changed["Details"] = [
            {
                "Target": {
                    "Attribute": detail.attribute,
                    "Name": detail.name or None,
                    "RequiresRecreation": detail.recreation,
                },
                "Evaluation": "Dynamic" if detail.source == "ResourceAttribute" else "Static",
                "ChangeSource": detail.source,
                "CausingEntity": detail.cause or None,
            }
            for detail in item.details
        ]
    return changed


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), default=str)
