"""Kinesis and DynamoDB from `up` to the answers: records are put with boto3, predictions come out of a queue."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from slsdeploy import app
from slsdeploy.app import Where
from slsdeploy.effects.aws import Aws
from slsdeploy.effects.shell import SystemShell
from slsdeploy.results.deploy import Upped
from slsdeploy.tools import Tools
from tests.fakes import FakeRegistry, FakeReporter

SAMPLES = Path(__file__).parents[2] / "samples"
FLOWER, BAD = [7.0, 3.2, 4.7, 1.4], ["seven", 3.2, 4.7, 1.4]
pytestmark = pytest.mark.e2e


class Desk:
    """samples/iris with other triggers, under a name of its own."""

    def __init__(self, root: Path, endpoint: str, name: str) -> None:
        shutil.copytree(SAMPLES / "iris", root, ignore=shutil.ignore_patterns(".slsdeploy"))
        self.root, self.name = root, name
        self._tools = Tools(SystemShell(), FakeReporter(), lambda _: Aws(None, endpoint), FakeRegistry())

    def up(self, triggers: str) -> Upped:
        (self.root / "slsdeploy.toml").write_text(f'name = "{self.name}"\nmodel = "iris.onnx"\n{triggers}')
        return app.up(Where(self.root, local=True), self._tools)

    def down(self, **options: Any) -> list[str]:
        return list(app.down(Where(self.root, local=True), self._tools, **options).kept)


@pytest.fixture
def desk(local_aws: Any, tmp_path: Path) -> Desk:
    return Desk(tmp_path / "iris", local_aws.endpoint, local_aws.name("iris"))


def messages(client: Any, url: str, count: int) -> list[dict[str, Any]]:
    """Take so many messages from a queue."""
    found: list[dict[str, Any]] = []
    for _ in range(10):
        answer = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=4)
        for message in answer.get("Messages", []):
            found.append(json.loads(message["Body"]))
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        if len(found) >= count:
            return found
    raise AssertionError(f"only {len(found)} of {count} messages came: {found}")


def test_records_of_a_stream_are_predicted_and_a_poison_one_is_told_of(desk: Desk, local_aws: Any) -> None:
    outputs = desk.up('[[trigger]]\ntype = "kinesis"\nshard_count = 1\nmaximum_retry_attempts = 1\n').outputs
    kinesis, sqs = local_aws.client("kinesis"), local_aws.client("sqs")
    rows = [FLOWER, FLOWER, BAD, FLOWER, FLOWER]
    records = [{"Data": json.dumps({"instances": [row]}).encode(), "PartitionKey": "k"} for row in rows]
    sent = kinesis.put_records(StreamName=outputs["StreamName"], Records=records)["Records"]
    numbers = [record["SequenceNumber"] for record in sent]
    found = messages(sqs, outputs["OutputQueueUrl"], 4)
    assert sorted(answer["sequence_number"] for answer in found) == sorted([*numbers[:2], *numbers[3:]])
    assert {answer["predictions"][0]["label"] for answer in found} == {"versicolor"}
    assert {(answer["shard_id"], answer["partition_key"]) for answer in found} == {("shardId-000000000000", "k")}
    (told,) = messages(sqs, outputs["FailedRecordsQueueUrl"], 1)
    assert told["requestContext"]["condition"] == "RetryAttemptsExhausted"
    info = told["KinesisBatchInfo"]
    assert (info["startSequenceNumber"], info["endSequenceNumber"]) == (numbers[2], numbers[2])


def test_items_of_a_table_are_predicted(desk: Desk, local_aws: Any) -> None:
    outputs = desk.up('[[trigger]]\ntype = "dynamodb"\nmaximum_retry_attempts = 0\n').outputs
    dynamodb, sqs = local_aws.client("dynamodb"), local_aws.client("sqs")
    values = [{"L": [{"N": str(value)} for value in FLOWER]}]
    dynamodb.put_item(TableName=outputs["TableName"], Item={"id": {"S": "one"}, "instances": {"L": values}})
    dynamodb.put_item(TableName=outputs["TableName"], Item={"id": {"S": "bad"}})
    dynamodb.delete_item(TableName=outputs["TableName"], Key={"id": {"S": "one"}})
    (answer,) = messages(sqs, outputs["OutputQueueUrl"], 1)
    assert (answer["keys"], answer["event_name"]) == ({"id": "one"}, "INSERT")
    assert answer["predictions"][0]["label"] == "versicolor"
    (told,) = messages(sqs, outputs["FailedRecordsQueueUrl"], 1)
    assert told["DDBStreamBatchInfo"]["batchSize"] == 1


def test_a_stream_and_a_table_that_exist_are_used_and_left(desk: Desk, local_aws: Any) -> None:
    kinesis, dynamodb = local_aws.client("kinesis"), local_aws.client("dynamodb")
    name = local_aws.name("existing")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    arn = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    table = dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]
    triggers = f'[[trigger]]\ntype = "kinesis"\nstream = "{arn}"\n'
    triggers += f'[[trigger]]\ntype = "dynamodb"\ntable = "{table["LatestStreamArn"]}"\n'
    outputs = desk.up(triggers).outputs
    assert "StreamName" not in outputs and "TableName" not in outputs
    kinesis.put_record(StreamName=name, Data=json.dumps({"instances": [FLOWER]}), PartitionKey="k")
    (answer,) = messages(local_aws.client("sqs"), outputs["OutputQueueUrl"], 1)
    assert answer["partition_key"] == "k"
    assert desk.down() == []
    assert kinesis.describe_stream_summary(StreamName=name)
    assert dynamodb.describe_table(TableName=name)


def test_down_keeps_what_holds_data_and_the_next_up_takes_it_back(desk: Desk, local_aws: Any) -> None:
    name = local_aws.name("kept")
    triggers = f'[[trigger]]\ntype = "kinesis"\nstream = "{name}"\noutput = "none"\n'
    triggers += f'[[trigger]]\ntype = "dynamodb"\ntable = "{name}"\noutput = "none"\n'
    desk.up(triggers)
    kinesis, dynamodb = local_aws.client("kinesis"), local_aws.client("dynamodb")
    kinesis.put_record(StreamName=name, Data=b"{}", PartitionKey="k")
    dynamodb.put_item(TableName=name, Item={"id": {"S": "one"}})
    assert desk.down() == [name, name]
    desk.up(triggers)
    assert dynamodb.scan(TableName=name)["Count"] == 1
    assert desk.down(delete_data=True) == []
    assert name not in kinesis.list_streams()["StreamNames"]
    assert name not in dynamodb.list_tables()["TableNames"]


def test_a_topic_is_recorded_since_there_is_no_broker(desk: Desk, local_aws: Any) -> None:
    cluster = "arn:aws:kafka:us-east-1:123456789012:cluster/rows/751d2973-a626-431c-9d4e-d7975eb44dd7-2"
    upped = desk.up(f'[[trigger]]\ntype = "kafka"\ncluster = "{cluster}"\ntopics = ["rows"]\n')
    found = local_aws.client("lambda").list_event_source_mappings(FunctionName=f"{upped.function_name}:live")
    (mapping,) = found["EventSourceMappings"]
    assert (mapping["EventSourceArn"], mapping["Topics"], mapping["State"]) == (cluster, ["rows"], "Enabled")
    value = base64.b64encode(json.dumps({"instances": [FLOWER]}).encode()).decode()
    record = {"topic": "rows", "partition": 0, "offset": 7, "value": value}
    event = {"eventSource": "aws:kafka", "eventSourceArn": cluster, "records": {"rows-0": [record]}}
    answer = local_aws.client("lambda").invoke(FunctionName=upped.function_name, Payload=json.dumps(event))
    assert json.loads(answer["Payload"].read()) == {"batchItemFailures": []}
    (told,) = messages(local_aws.client("sqs"), upped.outputs["OutputQueueUrl"], 1)
    assert (told["topic"], told["offset"]) == ("rows", 7)
    assert desk.down() == []


def test_what_lambda_refuses_of_a_stream_is_refused(desk: Desk, local_aws: Any) -> None:
    function = desk.up('[[trigger]]\ntype = "kinesis"\n').function_name
    name = local_aws.name("other")
    local_aws.client("kinesis").create_stream(StreamName=name, ShardCount=1)
    arn = f"arn:aws:kinesis:us-east-1:123456789012:stream/{name}"
    create = local_aws.client("lambda").create_event_source_mapping
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "startingPosition"),
        ({"StartingPosition": "LATEST", "TumblingWindowInSeconds": 5}, "no tumbling windows"),
        ({"StartingPosition": "LATEST"}, "does not have permissions to call DescribeStream on Kinesis"),
    ]
    for options, message in cases:
        with pytest.raises(ClientError, match=message):
            create(FunctionName=function, EventSourceArn=arn, **options)
