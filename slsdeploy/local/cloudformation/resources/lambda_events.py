"""What may call functions: AWS::Lambda::Url, Permission, EventSourceMapping, EventInvokeConfig."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slsdeploy.local.cloudformation.resources import Request, ResourceType, names, tag_map

_MAPPING = names(
    """
    BatchSize BisectBatchOnFunctionError DestinationConfig DocumentDBEventSourceConfig Enabled FilterCriteria
    FunctionName FunctionResponseTypes KmsKeyArn MaximumBatchingWindowInSeconds MaximumRecordAgeInSeconds
    MaximumRetryAttempts MetricsConfig ParallelizationFactor ProvisionedPollerConfig ScalingConfig
    SourceAccessConfigurations TumblingWindowInSeconds
    """
)
_FIXED = names(
    """
    EventSourceArn StartingPosition StartingPositionTimestamp SelfManagedEventSource Topics Queues
    AmazonManagedKafkaEventSourceConfig SelfManagedKafkaEventSourceConfig
    """
)
_INVOKE = names("DestinationConfig MaximumEventAgeInSeconds MaximumRetryAttempts")
# What an event source mapping's setting becomes again when it is taken out of the template.
# https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html
_DEFAULTS: Mapping[str, Any] = {
    "Enabled": True,
    "BatchSize": 10,
    "FilterCriteria": {},
    "FunctionResponseTypes": [],
    "MaximumBatchingWindowInSeconds": 0,
    "ScalingConfig": {},
    "BisectBatchOnFunctionError": False,
    "DestinationConfig": {},
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "ParallelizationFactor": 1,
}


class Url(ResourceType):
    """A function URL; here it is a loopback port of its own. `Ref` is the ARN of the function or alias."""

    type = "AWS::Lambda::Url"
    properties = names("AuthType Cors InvokeMode Qualifier TargetFunctionArn")
    required = names("AuthType TargetFunctionArn")
    replaced_by = names("Qualifier TargetFunctionArn")

    def create(self, request: Request) -> str:
        return str(request.call("lambda", "create_function_url_config", **_url(request))["FunctionArn"])

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        defaults = {"Cors": {}, "InvokeMode": "BUFFERED"}
        request.call("lambda", "update_function_url_config", **{**defaults, **_url(request)})

    def delete(self, request: Request, physical_id: str) -> None:
        target = {name: value for name, value in _url(request).items() if name in ("FunctionName", "Qualifier")}
        request.remove("lambda", "delete_function_url_config", **target)

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        target = {name: value for name, value in _url(request).items() if name in ("FunctionName", "Qualifier")}
        url = request.call("lambda", "get_function_url_config", **target)
        return {"FunctionArn": url["FunctionArn"], "FunctionUrl": url["FunctionUrl"]}


class Permission(ResourceType):
    """A statement of a function's own policy: who may invoke it."""

    type = "AWS::Lambda::Permission"
    properties = names(
        """
        Action EventSourceToken FunctionName FunctionUrlAuthType InvokedViaFunctionUrl Principal PrincipalOrgID
        SourceAccount SourceArn
        """
    )
    required = names("Action FunctionName Principal")
    replaced_by = properties

    def create(self, request: Request) -> str:
        statement = request.name("", 100)
        name, qualifier = _target(request.properties["FunctionName"])
        given = {name: value for name, value in request.properties.items() if name != "FunctionName"}
        request.call("lambda", "add_permission", FunctionName=name, Qualifier=qualifier, StatementId=statement, **given)
        return statement

    def delete(self, request: Request, physical_id: str) -> None:
        name, qualifier = _target(request.properties["FunctionName"])
        request.remove("lambda", "remove_permission", FunctionName=name, Qualifier=qualifier, StatementId=physical_id)

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        return {"Id": physical_id}


class EventSourceMapping(ResourceType):
    """A queue or stream that Lambda polls for a function."""

    type = "AWS::Lambda::EventSourceMapping"
    properties = _MAPPING | _FIXED | names("Tags LoggingConfig")
    required = names("FunctionName")
    replaced_by = _FIXED
    tags = True

    def create(self, request: Request) -> str:
        given = request.pick(*_MAPPING, *_FIXED)
        given["KMSKeyArn"] = given.pop("KmsKeyArn", None)
        tags = tag_map(request.properties.get("Tags"))
        return str(request.call("lambda", "create_event_source_mapping", **given, Tags=tags or None)["UUID"])

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        given = request.properties
        changed = {
            name: given.get(name, _DEFAULTS.get(name)) for name in _MAPPING if given.get(name) != former.get(name)
        }
        changed["KMSKeyArn"] = changed.pop("KmsKeyArn", None)
        request.call("lambda", "update_event_source_mapping", UUID=physical_id, **changed)

    def delete(self, request: Request, physical_id: str) -> None:
        request.remove("lambda", "delete_event_source_mapping", UUID=physical_id)

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        arn = f"arn:aws:lambda:{request.region}:{request.account}:event-source-mapping:{physical_id}"
        return {"Id": physical_id, "EventSourceMappingArn": arn}


class EventInvokeConfig(ResourceType):
    """How asynchronous invokes are retried, and where their failures go."""

    type = "AWS::Lambda::EventInvokeConfig"
    properties = _INVOKE | names("FunctionName Qualifier")
    required = names("FunctionName Qualifier")
    replaced_by = names("FunctionName Qualifier")

    def create(self, request: Request) -> str:
        self._put(request)
        return f"{request.properties['FunctionName']}|{request.properties['Qualifier']}"

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        self._put(request)

    def _put(self, request: Request) -> None:
        request.call(
            "lambda", "put_function_event_invoke_config", **request.pick("FunctionName", "Qualifier", *_INVOKE)
        )

    def delete(self, request: Request, physical_id: str) -> None:
        request.remove("lambda", "delete_function_event_invoke_config", **request.pick("FunctionName", "Qualifier"))


def _url(request: Request) -> dict[str, Any]:
    """Return the parameters of a function URL; SAM names the function by ARN, and the alias beside it."""
    given = request.pick("AuthType", "Cors", "InvokeMode")
    name, qualifier = _target(request.properties["TargetFunctionArn"])
    return {**given, "FunctionName": name, "Qualifier": request.properties.get("Qualifier", qualifier)}


def _target(function: str) -> tuple[str, str | None]:
    """Return (name or ARN, qualifier): the API takes an alias beside the function, templates give both in one."""
    if not function.startswith("arn:"):
        name, _, qualifier = function.partition(":")
        return name, qualifier or None
    parts = function.split(":")
    return ":".join(parts[:7]), parts[7] if len(parts) > 7 else None


TYPES = (Url(), Permission(), EventSourceMapping(), EventInvokeConfig())
