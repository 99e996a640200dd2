"""S3 in moto, mended: a notification's destination must exist and let S3 in, as AWS checks when they are configured; policies are recorded.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.core.exceptions import JsonRESTError
from moto.iam.access_control import PermissionResult
from moto.s3 import models
from moto.s3.exceptions import InvalidArgumentError
from moto.sqs.models import sqs_backends

from slsdeploy.local import lambda_names
from slsdeploy.local.mends import policies


def mend() -> None:
    """Replace the methods."""
    models.FakeBucket.get_permission = _neutral
    models.S3Backend.put_bucket_notification_configuration = _checking(
        models.S3Backend.put_bucket_notification_configuration
    )


def _neutral(self: Any, action: str, resource: str) -> PermissionResult:
    """Let a bucket's policy neither allow nor deny: moto ignores conditions, so "deny what is not TLS" would deny everything."""
    return PermissionResult.NEUTRAL


def _checking(put: Callable[..., None]) -> Callable[..., None]:
    def put_bucket_notification_configuration(self: Any, bucket_name: str, notification_config: dict[str, Any]) -> None:
        source = f"arn:aws:s3:::{bucket_name}"
        given = notification_config or {}
        functions = [
            (item["CloudFunction"], _function_lets_in) for item in _list(given.get("CloudFunctionConfiguration"))
        ]
        queues = [(item["Queue"], _queue_lets_in) for item in _list(given.get("QueueConfiguration"))]
        for destination, lets_in in (*functions, *queues):
            if not lets_in(destination, source):
                raise InvalidArgumentError(
                    "Unable to validate the following destination configurations", destination, ""
                )
        put(self, bucket_name, notification_config)

    return put_bucket_notification_configuration


def _function_lets_in(destination: str, source: str) -> bool:
    region = destination.split(":")[3]
    name, qualifier = lambda_names.split(destination)
    try:
        function = lambda_backends[lambda_names.ACCOUNT][region].get_function(name, qualifier)
    except JsonRESTError:
        return False
    arn = lambda_names.arn(region, name, qualifier)
    statements = [item for item in function.policy.statements if item.get("Resource") == arn]
    return policies.lets_in(statements, "s3.amazonaws.com", "lambda:InvokeFunction", source)


def _queue_lets_in(destination: str, source: str) -> bool:
    region = destination.split(":")[3]
    queues = sqs_backends[lambda_names.ACCOUNT][region].queues.values()
    queue = next((queue for queue in queues if queue.queue_arn == destination), None)
    if queue is None or not queue.policy:
        return False
    document = json.loads(queue.policy)
    statements = document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]
    return policies.lets_in(statements, "s3.amazonaws.com", "sqs:SendMessage", source)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []
