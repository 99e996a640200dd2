"""AWS::SNS::Topic, AWS::SNS::TopicPolicy, AWS::SNS::Subscription."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from slsdeploy.local.cloudformation.resources import Request, ResourceType, names, tag_changes

# Properties that are attributes of the same name; what an attribute becomes again when its property goes.
# https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html
_TOPIC: Mapping[str, Any] = {
    "DisplayName": "",
    "KmsMasterKeyId": "",
    "SignatureVersion": "1",
    "TracingConfig": "PassThrough",
    "ContentBasedDeduplication": False,
}
# https://docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html
_SUBSCRIPTION: Mapping[str, Any] = {
    "FilterPolicy": "{}",
    "FilterPolicyScope": "MessageAttributes",
    "RawMessageDelivery": False,
    "RedrivePolicy": "",
    "DeliveryPolicy": "",
    "SubscriptionRoleArn": "",
}


class Topic(ResourceType):
    """A topic; `Ref` is its ARN."""

    type = "AWS::SNS::Topic"
    properties = names("TopicName FifoTopic Subscription Tags") | _TOPIC.keys()
    replaced_by = names("TopicName FifoTopic")
    named_by = "TopicName"
    tags = True

    def create(self, request: Request) -> str:
        name = request.name("TopicName", 256)
        given = request.properties
        # SNS answers with the topic of this name when it is there already; CloudFormation looks first.
        arn = f"arn:aws:sns:{request.region}:{request.account}:{name}"
        pages = request.client("sns").get_paginator("list_topics").paginate()
        if any(topic["TopicArn"] == arn for page in pages for topic in page["Topics"]):
            raise request.refused(
                f"Resource of type '{self.type}' with identifier '{name}' already exists.", "AlreadyExists"
            )
        attributes = {key: _attribute(given[key]) for key in ("FifoTopic", *_TOPIC) if key in given}
        tags = given.get("Tags") or None
        return str(request.call("sns", "create_topic", Name=name, Attributes=attributes, Tags=tags)["TopicArn"])

    def configure(self, request: Request, physical_id: str) -> None:
        for item in request.properties.get("Subscription") or ():
            request.call("sns", "subscribe", TopicArn=physical_id, Protocol=item["Protocol"], Endpoint=item["Endpoint"])

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        for name, value in _changes(request.properties, former, _TOPIC):
            request.call("sns", "set_topic_attributes", TopicArn=physical_id, AttributeName=name, AttributeValue=value)
        added, gone = tag_changes(former, request.properties)
        if gone:
            request.call("sns", "untag_resource", ResourceArn=physical_id, TagKeys=gone)
        if added:
            tags = [{"Key": key, "Value": value} for key, value in added.items()]
            request.call("sns", "tag_resource", ResourceArn=physical_id, Tags=tags)

    def delete(self, request: Request, physical_id: str) -> None:
        request.remove("sns", "delete_topic", TopicArn=physical_id)

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        return {"TopicArn": physical_id, "TopicName": physical_id.rpartition(":")[2]}


class TopicPolicy(ResourceType):
    """The policy of one or more topics."""

    type = "AWS::SNS::TopicPolicy"
    properties = names("PolicyDocument Topics")
    required = properties

    def create(self, request: Request) -> str:
        return request.name("", 80)

    def configure(self, request: Request, physical_id: str) -> None:
        document = request.properties["PolicyDocument"]
        for topic in request.properties["Topics"]:
            request.call(
                "sns",
                "set_topic_attributes",
                TopicArn=topic,
                AttributeName="Policy",
                AttributeValue=document if isinstance(document, str) else json.dumps(document),
            )

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        self.configure(request, physical_id)

    def delete(self, request: Request, physical_id: str) -> None:
        """Leave the policy to the topic: it goes with it, and no topic is without one."""

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        return {"Id": physical_id}


class Subscription(ResourceType):
    """What is sent a topic's messages; `Ref` is its ARN."""

    type = "AWS::SNS::Subscription"
    properties = names("Endpoint Protocol TopicArn Region ReplayPolicy") | _SUBSCRIPTION.keys()
    required = names("Protocol TopicArn")
    replaced_by = names("Endpoint Protocol TopicArn")

    def create(self, request: Request) -> str:
        attributes = {key: _attribute(value) for key, value in request.properties.items() if key in _SUBSCRIPTION}
        made = request.call(
            "sns",
            "subscribe",
            **request.pick("TopicArn", "Protocol", "Endpoint"),
            Attributes=attributes,
            ReturnSubscriptionArn=True,
        )
        return str(made["SubscriptionArn"])

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        for name, value in _changes(request.properties, former, _SUBSCRIPTION):
            given = {"SubscriptionArn": physical_id, "AttributeName": name, "AttributeValue": value}
            request.call("sns", "set_subscription_attributes", **given)

    def delete(self, request: Request, physical_id: str) -> None:
        request.remove("sns", "unsubscribe", SubscriptionArn=physical_id)

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        return {"Arn": physical_id}


def _changes(
    wanted: Mapping[str, Any], former: Mapping[str, Any], defaults: Mapping[str, Any]
) -> Iterable[tuple[str, str]]:
    for name, default in defaults.items():
        if wanted.get(name) != former.get(name):
            yield name, _attribute(wanted.get(name, default))


def _attribute(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, Mapping | list) else str(value)


TYPES = (Topic(), TopicPolicy(), Subscription())
