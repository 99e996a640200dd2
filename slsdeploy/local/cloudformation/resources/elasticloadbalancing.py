"""AWS::ElasticLoadBalancingV2::TargetGroup and ListenerRule: recorded. There is no load balancer here, and no listener."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from slsdeploy.local.cloudformation.resources import Request, ResourceType, names


class TargetGroup(ResourceType):
    """A target group, known to this stack only; `Ref` is its ARN."""

    type = "AWS::ElasticLoadBalancingV2::TargetGroup"
    properties = names(
        """
        HealthCheckEnabled HealthCheckIntervalSeconds HealthCheckPath HealthCheckPort HealthCheckProtocol
        HealthCheckTimeoutSeconds HealthyThresholdCount IpAddressType Matcher Name Port Protocol ProtocolVersion Tags
        TargetControlPort TargetGroupAttributes Targets TargetType UnhealthyThresholdCount VpcId
        """
    )
    replaced_by = names("IpAddressType Name Port Protocol ProtocolVersion TargetType VpcId")
    named_by = "Name"

    def create(self, request: Request) -> str:
        name = request.name("Name", 32)
        place = f"{request.region}:{request.account}:targetgroup/{name}/{secrets.token_hex(8)}"
        return f"arn:aws:elasticloadbalancing:{place}"

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        """Do nothing: it is nowhere but in the stack."""

    def delete(self, request: Request, physical_id: str) -> None:
        """Do nothing: it is nowhere but in the stack."""

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        full = physical_id.rpartition(":")[2]
        return {
            "TargetGroupArn": physical_id,
            "TargetGroupFullName": full,
            "TargetGroupName": full.split("/")[1],
            "LoadBalancerArns": [],
        }


class ListenerRule(ResourceType):
    """A listener's rule, known to this stack only; `Ref` is its ARN."""

    type = "AWS::ElasticLoadBalancingV2::ListenerRule"
    properties = names("Actions Conditions ListenerArn Priority Transforms")
    required = names("Actions Priority")
    replaced_by = names("ListenerArn")

    def create(self, request: Request) -> str:
        listener = str(request.properties.get("ListenerArn", "")).replace(":listener/", ":listener-rule/")
        return f"{listener}/{secrets.token_hex(8)}"

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        """Do nothing: it is nowhere but in the stack."""

    def delete(self, request: Request, physical_id: str) -> None:
        """Do nothing: it is nowhere but in the stack."""

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        return {"RuleArn": physical_id, "IsDefault": False}


TYPES = (TargetGroup(), ListenerRule())
