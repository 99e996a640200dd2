"""How a bucket calls the function: itself, or by way of a queue, a topic or EventBridge. Pure: what each way needs in the stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from slsdeploy_runtime import asynchronous
from slsdeploy_runtime.events import Site, Wiring, variable
from slsdeploy_runtime.resources import VISIBILITY_MAX, allow, queue, topic

if TYPE_CHECKING:
    from slsdeploy_runtime.events.s3 import Trigger

QUEUE_ARN = "QUEUE_ARN"
# how EventBridge calls what notifications call so: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
_REASONS = {
    "Put": "PutObject",
    "Post": "POST Object",
    "Copy": "CopyObject",
    "CompleteMultipartUpload": "CompleteMultipartUpload",
}


class Way(NamedTuple):
    """What a way adds to the bucket's properties, what must be there before the bucket, and all else."""

    bucket: Mapping[str, Any]
    needs: Mapping[str, Any]
    wiring: Wiring


def wire(trigger: Trigger, site: Site, bucket: str) -> Way:
    """Return the way that the trigger chose; `bucket` is the bucket's logical id."""
    ways = {"direct": _direct, "sqs": _sqs, "sns": _sns, "eventbridge": _eventbridge}
    return ways[trigger.via](trigger, site, bucket)


def _direct(trigger: Trigger, site: Site, bucket: str) -> Way:
    notify: dict[str, Any] = {"Bucket": {"Ref": bucket}, "Events": list(trigger.events), **_filter(trigger)}
    events = {site.trigger: {"Type": "S3", "Properties": notify}}
    return Way({}, {}, Wiring(events=events).beside(asynchronous.wire(trigger, site)))


def _sqs(trigger: Trigger, site: Site, bucket: str) -> Way:
    name, dead = f"{site.trigger}Queue", f"{site.trigger}DeadLetters"
    arn = {"Fn::GetAtt": [name, "Arn"]}
    settings: dict[str, Any] = {
        "VisibilityTimeout": min(6 * site.timeout, VISIBILITY_MAX),
        "MessageRetentionPeriod": 4 * 24 * 3600,  # less than the dead-letter queue's: a message keeps its age there
        "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": [dead, "Arn"]}, "maxReceiveCount": 3},
    }
    queues = {**queue(dead, None), **queue(name, None, lets_in=[_lets_s3_in("sqs:SendMessage", arn)], **settings)}
    poll = {"Queue": arn, "BatchSize": 10, "FunctionResponseTypes": ["ReportBatchItemFailures"]}
    consume = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    wiring = Wiring(
        events={site.trigger: {"Type": "SQS", "Properties": poll}},
        resources=queues,
        statements=[allow(f"{site.trigger}Consumes", consume, arn)],
        environment={variable(site.trigger, QUEUE_ARN): arn},
        outputs={"QueueUrl": {"Ref": name}, "DeadLetterQueueUrl": {"Ref": dead}},
    )
    return Way(_notification("Queue", arn, trigger), {"DependsOn": [f"{name}Policy"]}, wiring)


def _sns(trigger: Trigger, site: Site, bucket: str) -> Way:
    name = f"{site.trigger}Topic"
    arn = {"Ref": name}
    wiring = Wiring(
        events={site.trigger: {"Type": "SNS", "Properties": {"Topic": arn}}},
        resources=topic(name, None, _lets_s3_in("sns:Publish", arn)),
        outputs={"TopicArn": arn},
    ).beside(asynchronous.wire(trigger, site))
    return Way(_notification("Topic", arn, trigger), {"DependsOn": [f"{name}Policy"]}, wiring)


def _eventbridge(trigger: Trigger, site: Site, bucket: str) -> Way:
    detail: dict[str, Any] = {"bucket": {"name": [{"Ref": bucket}]}}
    if key := _key_pattern(trigger):
        detail["object"] = {"key": [key]}
    kinds = [event.rpartition(":")[2] for event in trigger.events]
    if "*" not in kinds:
        detail["reason"] = [_REASONS.get(kind, kind) for kind in kinds]
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": detail}
    events = {site.trigger: {"Type": "EventBridgeRule", "Properties": {"Pattern": pattern}}}
    notify = {"NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}}
    return Way(notify, {}, Wiring(events=events).beside(asynchronous.wire(trigger, site)))


def _key_pattern(trigger: Trigger) -> dict[str, str]:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html."""
    if trigger.prefix and trigger.suffix:
        begin, end = (text.replace("\\", "\\\\").replace("*", "\\*") for text in (trigger.prefix, trigger.suffix))
        return {"wildcard": f"{begin}*{end}"}
    if trigger.prefix:
        return {"prefix": trigger.prefix}
    return {"suffix": trigger.suffix} if trigger.suffix else {}


def _filter(trigger: Trigger) -> dict[str, Any]:
    rules = {"prefix": trigger.prefix, "suffix": trigger.suffix}
    chosen = [{"Name": key, "Value": value} for key, value in rules.items() if value]
    return {"Filter": {"S3Key": {"Rules": chosen}}} if chosen else {}


def _notification(kind: str, arn: Any, trigger: Trigger) -> dict[str, Any]:
    each = [{"Event": event, kind: arn, **_filter(trigger)} for event in trigger.events]
    return {"NotificationConfiguration": {f"{kind}Configurations": each}}


def _lets_s3_in(action: str, resource: Any) -> dict[str, Any]:
    """Let the buckets of this account in: the bucket cannot be named, as it needs the queue, whose policy would need the bucket.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
    """
    return {
        "Sid": "FromS3",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": action,
        "Resource": resource,
        "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
    }
