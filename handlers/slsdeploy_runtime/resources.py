"""The buckets, queues and topics that triggers bring into the stack: encrypted, private, TLS only, and kept when they hold data.

Pure: structure for CloudFormation, made on the developer's machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Resource = dict[str, Any]

# They hold users' data: CloudFormation keeps them, `slsdeploy down` removes the empty ones itself (it finds them by the metadata).
_KEPT: Resource = {
    "DeletionPolicy": "RetainExceptOnCreate",
    "UpdateReplacePolicy": "Retain",
    "Metadata": {"slsdeploy": {"data": True}},
}

_WEEKS_2 = 14 * 24 * 3600  # the longest that SQS keeps a message
VISIBILITY_MAX = (
    12 * 3600
)  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html


def bucket(logical_id: str, name: str | None) -> dict[str, Resource]:
    """Return a bucket and its policy; without a name CloudFormation finds one.

    It keeps one version of each object: what comes in is the user's to keep, what goes out can be predicted again.
    """
    properties: Resource = {
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
    }
    arn = {"Fn::GetAtt": [logical_id, "Arn"]}
    resources = [arn, {"Fn::Sub": f"${{{logical_id}.Arn}}/*"}]
    policy = {"Bucket": {"Ref": logical_id}, "PolicyDocument": tls_only("s3:*", resources)}
    return {
        logical_id: {"Type": "AWS::S3::Bucket", **_KEPT, "Properties": _named("BucketName", name, properties)},
        f"{logical_id}Policy": {"Type": "AWS::S3::BucketPolicy", "Properties": policy},
    }


def queue(
    logical_id: str, name: str | None, *, fifo: bool = False, lets_in: Sequence[Resource] = (), **properties: Any
) -> dict[str, Resource]:
    """Return a queue and its policy; messages are kept as long as SQS can unless `properties` say otherwise.

    `lets_in` are further statements of its policy.
    """
    settings: Resource = {"SqsManagedSseEnabled": True, "MessageRetentionPeriod": _WEEKS_2}
    if fifo:
        settings["FifoQueue"] = True
    arn = {"Fn::GetAtt": [logical_id, "Arn"]}
    policy = {"Queues": [{"Ref": logical_id}], "PolicyDocument": tls_only("sqs:*", arn, *lets_in)}
    return {
        logical_id: {
            "Type": "AWS::SQS::Queue",
            **_KEPT,
            "Properties": _named("QueueName", name, {**settings, **properties}),
        },
        f"{logical_id}Policy": {"Type": "AWS::SQS::QueuePolicy", "Properties": policy},
    }


def caller_role(service: str, function: Any) -> Resource:
    """Return the role that a service takes on to call a function: that one, for this account, and nothing else.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
    }
    policy = {"Version": "2012-10-17", "Statement": [allow("CallsIt", ["lambda:InvokeFunction"], function)]}
    properties = {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "Policies": [{"PolicyName": "call", "PolicyDocument": policy}],
    }
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def kept(type: str, properties: Resource) -> Resource:
    """Return a resource that holds users' data, with neither a policy nor settings of ours."""
    return {"Type": type, **_KEPT, "Properties": properties}


def allow(sid: str, actions: list[str], resource: Any) -> Resource:
    """Return a statement that allows just that."""
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}


def _named(key: str, name: str | None, properties: Mapping[str, Any]) -> Resource:
    return {**({key: name} if name else {}), **properties}


def topic(logical_id: str, name: str | None, *lets_in: Resource) -> dict[str, Resource]:
    """Return a topic and its policy, with further statements of it. It keeps nothing, so it goes with the stack.

    It is not encrypted with a key: S3, EventBridge and CloudWatch could not publish to it then.
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
    """
    policy = {"Topics": [{"Ref": logical_id}], "PolicyDocument": tls_only("sns:Publish", {"Ref": logical_id}, *lets_in)}
    return {
        logical_id: {"Type": "AWS::SNS::Topic", "Properties": _named("TopicName", name, {})},
        f"{logical_id}Policy": {"Type": "AWS::SNS::TopicPolicy", "Properties": policy},
    }


def tls_only(action: str, resource: Any, *statements: Resource) -> Resource:
    """Return a resource's policy that denies whatever does not come over TLS; further statements may allow something."""
    statement = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resource,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [statement, *statements]}
