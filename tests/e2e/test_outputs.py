"""`[output]` from `up` to the answers: an object, a message and a notification are predicted, their answers found in one place."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from slsdeploy import plugins
from tests.e2e.test_streams import FLOWER, Desk

TOML = """[output]
type = "{}"
[[trigger]]
type = "sqs"
[[trigger]]
type = "s3"
[[trigger]]
type = "sns"
"""
BODY = json.dumps({"instances": [FLOWER]})
Outputs = Mapping[str, str]
Read = Callable[[], list[Any]]
pytestmark = pytest.mark.e2e


def from_queue(aws: Any, url: str, unwrap: Callable[[Any], Any] = lambda body: body) -> Read:
    def read() -> list[Any]:
        found = aws.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [unwrap(json.loads(each["Body"])) for each in found.get("Messages", [])]

    return read


def queue(aws: Any) -> tuple[str, str]:
    """Create a queue; return its URL and ARN."""
    url = aws.client("sqs").create_queue(QueueName=aws.name("results"))["QueueUrl"]
    found = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return url, found["Attributes"]["QueueArn"]


def sqs(aws: Any, outputs: Outputs) -> Read:
    return from_queue(aws, outputs["OutputQueueUrl"])


def sns(aws: Any, outputs: Outputs) -> Read:
    url, arn = queue(aws)
    aws.client("sns").subscribe(TopicArn=outputs["OutputTopicArn"], Protocol="sqs", Endpoint=arn)
    return from_queue(aws, url, lambda body: json.loads(body["Message"]))


def eventbridge(aws: Any, outputs: Outputs) -> Read:
    url, arn = queue(aws)
    bus, rule = outputs["OutputEventBus"], aws.name("results")
    pattern = json.dumps({"source": ["slsdeploy"], "detail-type": ["Inference Result"]})
    aws.client("events").put_rule(Name=rule, EventBusName=bus, EventPattern=pattern)
    aws.client("events").put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    return from_queue(aws, url, lambda body: body["detail"])


def s3(aws: Any, outputs: Outputs) -> Read:
    client, bucket = aws.client("s3"), outputs["OutputBucket"]

    def read() -> list[Any]:
        keys = [each["Key"] for each in client.list_objects_v2(Bucket=bucket).get("Contents", [])]
        return [json.loads(client.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]

    return read


def dynamodb(aws: Any, outputs: Outputs) -> Read:
    def read() -> list[Any]:
        items = aws.client("dynamodb").scan(TableName=outputs["OutputTable"])["Items"]
        return [{"source": item["source"]["S"], "predictions": [_label(item)]} for item in items]

    return read


def _label(item: Any) -> Any:
    return {"label": item["predictions"]["L"][0]["M"]["label"]["S"]}


PLACES: dict[str, Callable[[Any, Outputs], Read]] = {
    "dynamodb": dynamodb,
    "eventbridge": eventbridge,
    "s3": s3,
    "sns": sns,
    "sqs": sqs,
}


@pytest.mark.parametrize("kind", plugins.outputs())
def test_answers_of_all_triggers_are_found_in_one_place(kind: str, local_aws: Any, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "iris", local_aws.endpoint, local_aws.name("iris"))
    outputs = desk.up(TOML.format(kind)).outputs
    read = PLACES[kind](local_aws, outputs)
    local_aws.client("sqs").send_message(QueueUrl=outputs["QueueUrl"], MessageBody=BODY)
    local_aws.client("s3").put_object(Bucket=outputs["Bucket"], Key="input/flower.json", Body=BODY.encode())
    local_aws.client("sns").publish(TopicArn=outputs["TopicArn"], Message=BODY)
    found: dict[str, Any] = {}
    until = time.monotonic() + 60
    while len(found) < 3 and time.monotonic() < until:
        found |= {each["source"]: each["predictions"][0]["label"] for each in read()}
        time.sleep(0.2)
    assert found == dict.fromkeys(("sqs", "s3", "sns"), "versicolor")
    assert "output/input/flower.json.json" not in _keys(local_aws, outputs["Bucket"])
    assert desk.down(delete_data=True) == []


def _keys(aws: Any, bucket: str) -> list[str]:
    return [each["Key"] for each in aws.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])]
