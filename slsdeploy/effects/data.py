"""The user's data on `down`: buckets, queues, streams and tables that the stack left are deleted when empty, or when told so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from slsdeploy.artifacts import StackState
from slsdeploy.errors import AwsError

COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")
GONE = frozenset(
    {"NoSuchBucket", "404", "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "ResourceNotFoundException"}
)
# Which service has a type of resource.
SERVICES = {
    "AWS::S3::Bucket": "s3",
    "AWS::SQS::Queue": "sqs",
    "AWS::Kinesis::Stream": "kinesis",
    "AWS::DynamoDB::Table": "dynamodb",
}


def resources(client: Any, stack: StackState) -> dict[str, tuple[str, str]]:
    """Return the resources whose template marks them as data: logical id -> (type, physical id)."""
    wanted = stack.template or {}
    marked = {
        logical_id
        for logical_id, resource in wanted.get("Resources", {}).items()
        if resource.get("Metadata", {}).get("slsdeploy", {}).get("data")
    }
    pages = client.pages("list_stack_resources", StackName=stack.id)
    return {
        resource["LogicalResourceId"]: (resource["ResourceType"], resource["PhysicalResourceId"])
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["LogicalResourceId"] in marked and resource.get("PhysicalResourceId")
    }


def release(client: Any, type: str, physical_id: str, delete_data: bool) -> bool:
    """Delete one resource if it is empty or we may delete what is in it; say whether it is gone."""
    delete = {"s3": _bucket, "sqs": _queue, "kinesis": _stream, "dynamodb": _table}[SERVICES[type]]
    try:
        return delete(client, physical_id, delete_data)
    except AwsError as refused:
        if refused.code in GONE:
            return True
        raise


def _bucket(client: Any, bucket: str, delete_data: bool) -> bool:
    if delete_data:
        for page in client.pages("list_object_versions", Bucket=bucket):
            _delete_versions(client, bucket, [*page.get("Versions", ()), *page.get("DeleteMarkers", ())])
    try:
        client.delete_bucket(Bucket=bucket)
    except AwsError as refused:
        if refused.code == "BucketNotEmpty":
            return False
        raise
    return True


def _delete_versions(client: Any, bucket: str, versions: Iterable[dict[str, Any]]) -> None:
    doomed = [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in versions]
    if doomed:
        client.delete_objects(Bucket=bucket, Delete={"Objects": doomed, "Quiet": True})


def _queue(client: Any, url: str, delete_data: bool) -> bool:
    if not delete_data:
        counts = client.get_queue_attributes(QueueUrl=url, AttributeNames=list(COUNTS))["Attributes"]
        if any(int(counts.get(name, 0)) for name in COUNTS) or _has_message(client, url):
            return False
    client.delete_queue(QueueUrl=url)
    return True


def _has_message(client: Any, url: str) -> bool:
    """Look into a queue: its counts lag behind by a minute, and a long poll asks all of its servers.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
    """
    seen = client.receive_message(QueueUrl=url, VisibilityTimeout=0, WaitTimeSeconds=1)
    return bool(seen.get("Messages"))


def _stream(client: Any, name: str, delete_data: bool) -> bool:
    if not delete_data and _has_record(client, name):
        return False
    client.delete_stream(StreamName=name)
    return True


def _has_record(client: Any, name: str) -> bool:
    """Look into every shard, from its oldest record on: a page may be empty although records follow.

    https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html
    """
    shards = [shard["ShardId"] for page in client.pages("list_shards", StreamName=name) for shard in page["Shards"]]
    for shard in shards:
        oldest = {"StreamName": name, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        iterator = client.get_shard_iterator(**oldest)["ShardIterator"]
        while iterator:
            found = client.get_records(ShardIterator=iterator, Limit=1)
            if found["Records"]:
                return True
            iterator = found.get("NextShardIterator") if found.get("MillisBehindLatest") else None
    return False


def _table(client: Any, name: str, delete_data: bool) -> bool:
    if not delete_data and client.scan(TableName=name, Limit=1, Select="COUNT")["Count"]:
        return False
    client.delete_table(TableName=name)
    return True
