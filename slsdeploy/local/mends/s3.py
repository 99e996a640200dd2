"""S3 in moto, mended: a notification's destination must exist and let S3 in, as AWS checks when they are configured; policies are recorded.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.iam.access_control import PermissionResult
from moto.s3 import models
from moto.s3.exceptions import InvalidArgumentError
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from slsdeploy.local import lambda_names
from slsdeploy.local.mends import policies
from slsdeploy.local.mends.permissions import function_lets_in


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
        topics = [(item["Topic"], _topic_lets_in) for item in _list(given.get("TopicConfiguration"))]
        for destination, lets_in in (*functions, *queues, *topics):
            if not lets_in(destination, source):
                raise InvalidArgumentError(
                    "Unable to validate the following destination configurations", destination, ""
                )
        put(self, bucket_name, notification_config)

    return put_bucket_notification_configuration


def _function_lets_in(destination: str, source: str) -> bool:
    return function_lets_in(destination, "s3.amazonaws.com", source)


def _queue_lets_in(destination: str, source: str) -> bool:
    region = destination.split(":")[3]
    queues = sqs_backends[lambda_names.ACCOUNT][region].queues.values()
    queue = next((queue for queue in queues if queue.queue_arn == destination), None)
    if queue is None or not queue.policy:
        return False
    statements = _list(json.loads(queue.policy)["Statement"])
    return policies.lets_in(statements, "s3.amazonaws.com", "sqs:SendMessage", source)


def _topic_lets_in(destination: str, source: str) -> bool:
    topic = sns_backends[lambda_names.ACCOUNT][destination.split(":")[3]].topics.get(destination)
    if topic is None:
        return False
    statements = _list(json.loads(topic.policy)["Statement"])
    return policies.lets_in(statements, "s3.amazonaws.com", "sns:Publish", source)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []
