"""AWS::IAM::Role, AWS::IAM::Policy, AWS::IAM::ManagedPolicy."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from slsdeploy.local.cloudformation.resources import Request, ResourceType, names, tag_changes


class Role(ResourceType):
    """A role with its trust, its inline policies and the managed ones attached to it."""

    type = "AWS::IAM::Role"
    properties = names(
        """
        AssumeRolePolicyDocument Description ManagedPolicyArns MaxSessionDuration Path PermissionsBoundary
        Policies RoleName Tags
        """
    )
    required = names("AssumeRolePolicyDocument")
    replaced_by = names("Path RoleName")
    named_by = "RoleName"
    tags = True

    def create(self, request: Request) -> str:
        name = request.name("RoleName", 64)
        given = request.pick("Description", "MaxSessionDuration", "Path", "PermissionsBoundary", "Tags")
        trust = _text(request.properties["AssumeRolePolicyDocument"])
        request.call("iam", "create_role", RoleName=name, AssumeRolePolicyDocument=trust, **given)
        return name

    def configure(self, request: Request, physical_id: str) -> None:
        self._policies(request, physical_id, {})

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        given = request.properties
        if given["AssumeRolePolicyDocument"] != former["AssumeRolePolicyDocument"]:
            trust = _text(given["AssumeRolePolicyDocument"])
            request.call("iam", "update_assume_role_policy", RoleName=physical_id, PolicyDocument=trust)
        if request.pick("Description", "MaxSessionDuration") != {
            k: former[k] for k in ("Description", "MaxSessionDuration") if k in former
        }:
            settings = {
                "Description": given.get("Description", ""),
                "MaxSessionDuration": given.get("MaxSessionDuration", 3600),
            }
            request.call("iam", "update_role", RoleName=physical_id, **settings)
        self._policies(request, physical_id, former)
        added, gone = tag_changes(former, given)
        if gone:
            request.call("iam", "untag_role", RoleName=physical_id, TagKeys=gone)
        if added:
            request.call(
                "iam", "tag_role", RoleName=physical_id, Tags=[{"Key": k, "Value": v} for k, v in added.items()]
            )

    def _policies(self, request: Request, name: str, former: Mapping[str, Any]) -> None:
        old, new = _inline(former), _inline(request.properties)
        for policy in [policy for policy in old if policy not in new]:
            request.remove("iam", "delete_role_policy", RoleName=name, PolicyName=policy)
        for policy, document in new.items():
            if old.get(policy) != document:
                request.call("iam", "put_role_policy", RoleName=name, PolicyName=policy, PolicyDocument=document)
        attached, wanted = former.get("ManagedPolicyArns") or [], request.properties.get("ManagedPolicyArns") or []
        for arn in [arn for arn in attached if arn not in wanted]:
            request.remove("iam", "detach_role_policy", RoleName=name, PolicyArn=arn)
        for arn in [arn for arn in wanted if arn not in attached]:
            request.call("iam", "attach_role_policy", RoleName=name, PolicyArn=arn)

    def delete(self, request: Request, physical_id: str) -> None:
        for arn in request.properties.get("ManagedPolicyArns") or []:
            request.remove("iam", "detach_role_policy", RoleName=physical_id, PolicyArn=arn)
        for policy in _inline(request.properties):
            request.remove("iam", "delete_role_policy", RoleName=physical_id, PolicyName=policy)
        request.remove("iam", "delete_role", RoleName=physical_id)

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        role = request.call("iam", "get_role", RoleName=physical_id)["Role"]
        return {"Arn": role["Arn"], "RoleId": role["RoleId"]}


class Policy(ResourceType):
    """An inline policy put into roles (users and groups are not emulated)."""

    type = "AWS::IAM::Policy"
    properties = names("PolicyDocument PolicyName Roles Users Groups")
    required = names("PolicyDocument PolicyName")
    replaced_by = names("PolicyName")

    def create(self, request: Request) -> str:
        # Like AWS: the physical id is made up, the name in the roles is the property's.
        return f"{request.stack[:4]}-{request.logical_id[:4]}-{request.name('', 16)[-12:]}"

    def configure(self, request: Request, physical_id: str) -> None:
        self._put(request, request.properties.get("Roles") or [])

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        roles = request.properties.get("Roles") or []
        self._put(request, roles)
        self._take(request, [role for role in former.get("Roles") or [] if role not in roles])

    def delete(self, request: Request, physical_id: str) -> None:
        self._take(request, request.properties.get("Roles") or [])

    def _put(self, request: Request, roles: Iterable[str]) -> None:
        name, document = request.properties["PolicyName"], _text(request.properties["PolicyDocument"])
        for role in roles:
            request.call("iam", "put_role_policy", RoleName=role, PolicyName=name, PolicyDocument=document)

    def _take(self, request: Request, roles: Iterable[str]) -> None:
        for role in roles:
            request.remove("iam", "delete_role_policy", RoleName=role, PolicyName=request.properties["PolicyName"])

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        return {"Id": physical_id}


class ManagedPolicy(ResourceType):
    """A managed policy, attached to roles."""

    type = "AWS::IAM::ManagedPolicy"
    properties = names("Description Groups ManagedPolicyName Path PolicyDocument Roles Users")
    required = names("PolicyDocument")
    replaced_by = names("Description ManagedPolicyName Path")
    named_by = "ManagedPolicyName"

    def create(self, request: Request) -> str:
        name, document = request.name("ManagedPolicyName", 128), _text(request.properties["PolicyDocument"])
        made = request.call(
            "iam", "create_policy", PolicyName=name, PolicyDocument=document, **request.pick("Description", "Path")
        )
        return str(made["Policy"]["Arn"])

    def configure(self, request: Request, physical_id: str) -> None:
        for role in request.properties.get("Roles") or []:
            request.call("iam", "attach_role_policy", RoleName=role, PolicyArn=physical_id)

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        if request.properties["PolicyDocument"] != former["PolicyDocument"]:
            document = _text(request.properties["PolicyDocument"])
            self._make_room(request, physical_id)
            request.call(
                "iam", "create_policy_version", PolicyArn=physical_id, PolicyDocument=document, SetAsDefault=True
            )
        wanted = request.properties.get("Roles") or []
        for role in [role for role in former.get("Roles") or [] if role not in wanted]:
            request.remove("iam", "detach_role_policy", RoleName=role, PolicyArn=physical_id)
        self.configure(request, physical_id)

    def _make_room(self, request: Request, arn: str) -> None:
        """A policy has five versions at most: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
        versions = request.call("iam", "list_policy_versions", PolicyArn=arn)["Versions"]
        for version in [version for version in versions if not version["IsDefaultVersion"]]:
            request.remove("iam", "delete_policy_version", PolicyArn=arn, VersionId=version["VersionId"])

    def delete(self, request: Request, physical_id: str) -> None:
        for role in request.properties.get("Roles") or []:
            request.remove("iam", "detach_role_policy", RoleName=role, PolicyArn=physical_id)
        self._make_room(request, physical_id)
        request.remove("iam", "delete_policy", PolicyArn=physical_id)

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        return {"PolicyArn": physical_id}


def _inline(properties: Mapping[str, Any]) -> dict[str, str]:
    return {str(policy["PolicyName"]): _text(policy["PolicyDocument"]) for policy in properties.get("Policies") or []}


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


TYPES = (Role(), Policy(), ManagedPolicy())
