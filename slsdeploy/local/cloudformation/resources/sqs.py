"""AWS::SQS::Queue, AWS::SQS::QueuePolicy."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from slsdeploy.local.cloudformation.resources import Request, ResourceType, names, tag_changes, tag_map

# Properties that are attributes of the same name; what an attribute becomes again when its property goes.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
_DEFAULTS: Mapping[str, Any] = {
    "DelaySeconds": 0,
    "MaximumMessageSize": 1_048_576,
    "MessageRetentionPeriod": 345_600,
    "ReceiveMessageWaitTimeSeconds": 0,
    "VisibilityTimeout": 30,
    "RedrivePolicy": "",
    "RedriveAllowPolicy": "",
    "KmsMasterKeyId": "",
    "KmsDataKeyReusePeriodSeconds": 300,
    "SqsManagedSseEnabled": True,
    "ContentBasedDeduplication": False,
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
    "FifoQueue": False,
}


class Queue(ResourceType):
    """A queue; `Ref` is its URL. That is what identifies it, and no template can say it: queues are not imported by name."""

    type = "AWS::SQS::Queue"
    properties = names("QueueName Tags") | _DEFAULTS.keys()
    replaced_by = names("QueueName FifoQueue")
    named_by = "QueueName"
    tags = True

    def create(self, request: Request) -> str:
        name = request.name("QueueName", 80)
        if _attribute(request.properties.get("FifoQueue", False)) == "true" and not name.endswith(".fifo"):
            name = f"{name[:75]}.fifo"
        attributes = {key: _attribute(value) for key, value in request.properties.items() if key in _DEFAULTS}
        # Only a FIFO queue may carry the attribute at all.
        if attributes.get("FifoQueue") == "false":
            del attributes["FifoQueue"]
        tags = tag_map(request.properties.get("Tags"))
        # SQS answers with the queue of this name when its attributes are the same; CloudFormation looks first.
        if self._is_taken(request, name):
            raise request.refused(
                f"Resource of type '{self.type}' with identifier '{name}' already exists.", "AlreadyExists"
            )
        return str(
            request.call("sqs", "create_queue", QueueName=name, Attributes=attributes, tags=tags or None)["QueueUrl"]
        )

    def _is_taken(self, request: Request, name: str) -> bool:
        urls = request.call("sqs", "list_queues", QueueNamePrefix=name).get("QueueUrls", [])
        return any(url.rpartition("/")[2] == name for url in urls)

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        changed = {
            key: _attribute(request.properties.get(key, default))
            for key, default in _DEFAULTS.items()
            if request.properties.get(key) != former.get(key)
        }
        if changed:
            request.call("sqs", "set_queue_attributes", QueueUrl=physical_id, Attributes=changed)
        added, gone = tag_changes(former, request.properties)
        if gone:
            request.call("sqs", "untag_queue", QueueUrl=physical_id, TagKeys=gone)
        if added:
            request.call("sqs", "tag_queue", QueueUrl=physical_id, Tags=added)

    def delete(self, request: Request, physical_id: str) -> None:
        request.remove("sqs", "delete_queue", QueueUrl=physical_id)

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        name = physical_id.rpartition("/")[2]
        arn = f"arn:aws:sqs:{request.region}:{request.account}:{name}"
        return {"Arn": arn, "QueueName": name, "QueueUrl": physical_id}


class QueuePolicy(ResourceType):
    """The policy of one or more queues."""

    type = "AWS::SQS::QueuePolicy"
    properties = names("PolicyDocument Queues")
    required = properties

    def create(self, request: Request) -> str:
        return request.name("", 80)

    def configure(self, request: Request, physical_id: str) -> None:
        document = request.properties["PolicyDocument"]
        self._set(
            request, request.properties["Queues"], document if isinstance(document, str) else json.dumps(document)
        )

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        self._set(request, [queue for queue in former["Queues"] if queue not in request.properties["Queues"]], "")
        self.configure(request, physical_id)

    def delete(self, request: Request, physical_id: str) -> None:
        for queue in request.properties["Queues"]:
            request.remove("sqs", "set_queue_attributes", QueueUrl=queue, Attributes={"Policy": ""})

    def _set(self, request: Request, queues: Iterable[str], policy: str) -> None:
        for queue in queues:
            request.call("sqs", "set_queue_attributes", QueueUrl=queue, Attributes={"Policy": policy})

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        return {"Id": physical_id}


def _attribute(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, Mapping) else str(value)


TYPES = (Queue(), QueuePolicy())
