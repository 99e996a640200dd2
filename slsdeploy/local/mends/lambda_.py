"""Lambda's control plane in moto, mended: version numbers, settings that updates forget, and what AWS refuses.

https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from moto.awslambda import models
from moto.awslambda.exceptions import InvalidParameterValueException
from moto.core.exceptions import JsonRESTError
from moto.iam.models import iam_backends
from moto.sqs.models import sqs_backends

from slsdeploy.local import lambda_names
from slsdeploy.local.lambda_names import ACCOUNT
from slsdeploy.local.mends import policies

_SQS_ACTIONS = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
_STREAM_ACTIONS = {
    "kinesis": ("DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards"),
    "dynamodb": ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"),
}
_SHOWN = {"sqs": "SQS", "kinesis": "Kinesis", "dynamodb": "DynamoDB"}
_UPDATES = {"KMSKeyArn": "kms_key_arn", "TracingConfig": "tracing_config"}
# Of a function's configuration, what a version has for itself.
_OWN = ("FunctionArn", "Version", "LastModified", "State", "LastUpdateStatus")
_CONTENT = "slsdeploy_content"


def mend() -> None:
    """Replace the methods."""
    storage, backend, function = models.LambdaStorage, models.LambdaBackend, models.LambdaFunction
    storage.publish_version = _publish_version
    storage.put_function = _checking_role(storage.put_function)
    function.update_configuration = _updating_all(function.update_configuration)
    backend.update_function_code = _update_function_code
    backend.create_event_source_mapping = _checking_source(backend.create_event_source_mapping)
    backend.update_event_source_mapping = _keeping_alias(backend.update_event_source_mapping)
    backend.list_event_source_mappings = _list_event_source_mappings
    backend.get_function_event_invoke_config = _newest_config
    backend.add_permission = _once(backend.add_permission)


def _publish_version(self: Any, name_or_arn: str, description: str = "") -> Any:
    """Number versions one after the other, also when some were deleted; the same code and settings are the same version.

    What counts is what they are, not whether they were written: code that was rolled back is the former code.
    https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html
    """
    function = self.get_function_by_name_or_arn_forbid_qualifier(name_or_arn)
    group = self._functions[function.function_name]
    versions = group["versions"]
    content = _content(function)
    if versions and getattr(versions[-1], _CONTENT, None) == content:
        return versions[-1]
    number = 1 + max([group.get("published", 0), *(int(version.version) for version in versions)])
    group["published"] = number
    version = copy.copy(function)
    version.set_version(number)
    version.description = description or version.description
    setattr(version, _CONTENT, content)
    versions.append(version)
    self._arns[version.function_arn] = version
    return version


def _content(function: Any) -> dict[str, Any]:
    configuration = copy.deepcopy(function.get_configuration())
    return {name: value for name, value in configuration.items() if name not in _OWN}


def _checking_role(put: Callable[..., None]) -> Callable[..., None]:
    def put_function(self: Any, fn: Any) -> None:
        put_role = iam_backends[ACCOUNT][self.partition].roles.values()
        role = next((role for role in put_role if role.arn == fn.role), None)
        if role is not None and not policies.trusts(_trust(role), "lambda.amazonaws.com"):
            raise InvalidParameterValueException("The role defined for the function cannot be assumed by Lambda.")
        put(self, fn)

    return put_function


def _trust(role: Any) -> dict[str, Any]:
    return policies.read(role.assume_role_policy_document)


def _updating_all(update: Callable[..., Any]) -> Callable[..., Any]:
    def update_configuration(self: Any, config_updates: dict[str, Any]) -> Any:
        for name, attribute in _UPDATES.items():
            if name in config_updates:
                setattr(self, attribute, config_updates[name])
        if size := config_updates.get("EphemeralStorage", {}).get("Size"):
            self.ephemeral_storage = size
        return update(self, config_updates)

    return update_configuration


def _update_function_code(self: Any, function_name: str, qualifier: str, body: dict[str, Any]) -> Any:
    """Read the new code once, not twice; the architecture may change with it."""
    function = self.get_function(function_name, qualifier)
    former = function.architectures
    if body.get("Architectures"):
        function.architectures = body["Architectures"]
    try:
        answer = function.update_function_code(body)
    except Exception:
        function.architectures = former
        raise
    return self.publish_version(function_name).get_configuration() if body.get("Publish") else answer


def _checking_source(create: Callable[..., Any]) -> Callable[..., Any]:
    def create_event_source_mapping(self: Any, spec: dict[str, Any]) -> Any:
        given = str(spec.get("FunctionName", ""))
        function = self._lambdas.get_function_by_name_or_arn_with_qualifier(given)
        source = str(spec.get("EventSourceArn", ""))
        for other in _list_event_source_mappings(self, source, given) if source else ():
            raise _Conflict(
                f'An event source mapping with event source arn (" {source} ") and function name (" {given} ") already exists. '
                f"Please update or delete the existing mapping with UUID {other.uuid}"
            )
        service = source.split(":")[2] if source else "kafka"
        if service == "sqs":
            _check_queue(self.region_name, source, function)
        elif service in _STREAM_ACTIONS:
            _check_stream(spec, source, function)
        elif service == "kafka":
            return _named(_recorded(self, spec, function), self.region_name, given)
        return _named(create(self, spec), self.region_name, given)

    return create_event_source_mapping


def _keeping_alias(update: Callable[..., Any]) -> Callable[..., Any]:
    def update_event_source_mapping(self: Any, uuid: str, spec: dict[str, Any]) -> Any:
        mapping = update(self, uuid, spec)
        given = spec.get("FunctionName")
        return _named(mapping, self.region_name, given) if mapping is not None and given else mapping

    return update_event_source_mapping


def _named(mapping: Any, region: str, function: str) -> Any:
    """Let a mapping be for the function as it was named: moto follows an alias to its version at once; AWS keeps the alias."""
    name, qualifier = lambda_names.split(function)
    mapping.function_arn = lambda_names.arn(region, name, qualifier)
    return mapping


def _check_queue(region: str, source: str, function: Any) -> None:
    queue = next((queue for queue in sqs_backends[ACCOUNT][region].queues.values() if queue.queue_arn == source), None)
    if queue is None:
        raise InvalidParameterValueException(
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
            f"SQS Error Message: The specified queue does not exist ({source})."
        )
    visible, timeout = int(queue.visibility_timeout), int(function.timeout)
    if visible < timeout:
        raise InvalidParameterValueException(
            f"Queue visibility timeout: {visible} seconds is less than Function timeout: {timeout} seconds"
        )
    _check_role(function, "sqs", _SQS_ACTIONS, source)


def _check_role(function: Any, service: str, actions: Sequence[str], source: str) -> None:
    role = iam_backends[ACCOUNT]["aws"].get_role_by_arn(function.role)
    for action in actions:
        if not policies.allows(policies.role_documents(role), f"{service}:{action}", source):
            raise InvalidParameterValueException(
                f"The function execution role does not have permissions to call {action} on {_SHOWN[service]}"
            )


def _check_stream(spec: dict[str, Any], source: str, function: Any) -> None:
    if not spec.get("StartingPosition"):
        raise InvalidParameterValueException(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null."
        )
    if spec.get("TumblingWindowInSeconds"):
        raise InvalidParameterValueException("The local AWS has no tumbling windows: leave out TumblingWindowInSeconds")
    service = source.split(":")[2]
    _check_role(function, service, _STREAM_ACTIONS[service], source)


class _Recorded(models.EventSourceMapping):  # type: ignore[misc]
    """A mapping of Kafka, which moto does not know: there is no broker, so that it is kept and shown, and nothing is polled."""

    event_source_arn = None
    batch_size = 100


def _recorded(self: Any, spec: dict[str, Any], function: Any) -> Any:
    place = {"RegionName": self.region_name, "AccountId": ACCOUNT, "FunctionArn": function.function_arn}
    mapping = _Recorded({"EventSourceArn": None, **spec, **place})
    self._event_source_mappings[mapping.uuid] = mapping
    return mapping


def _list_event_source_mappings(self: Any, event_source_arn: str | None, function_name: str | None) -> list[Any]:
    """Find mappings of a function however it is named: by name, by ARN, with an alias."""
    wanted = lambda_names.split(function_name) if function_name else None
    return [
        mapping
        for mapping in list(self._event_source_mappings.values())
        if event_source_arn in (None, "", mapping.event_source_arn)
        and wanted in (None, lambda_names.split(mapping.function_arn))
    ]


def _newest_config(self: Any, function_name: str) -> Any:
    function = self.get_function(function_name)
    if not function.event_invoke_config:
        raise models.UnknownEventConfig(function.function_arn)
    return function.event_invoke_config[-1].response()


def _once(add: Callable[..., Any]) -> Callable[..., Any]:
    def add_permission(self: Any, function_name: str, qualifier: str, raw: str) -> Any:
        import json

        sid = json.loads(raw).get("StatementId")
        if any(item.get("Sid") == sid for item in self.get_function(function_name, qualifier).policy.statements):
            raise _Conflict(
                f"The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the existing statement."
            )
        return add(self, function_name, qualifier, raw)

    return add_permission


class _Conflict(JsonRESTError):  # type: ignore[misc]
    code = 409

    def __init__(self, message: str) -> None:
        super().__init__("ResourceConflictException", message)
