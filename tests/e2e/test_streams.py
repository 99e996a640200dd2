"""Kinesis and DynamoDB from `up` to the answers: records are put with boto3, predictions come out of a queue."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from slsdeploy import app
from slsdeploy.app import Where
from slsdeploy.effects.aws import Aws
from slsdeploy.effects.shell import SystemShell
from slsdeploy.results import Upped
from slsdeploy.tools import Tools
from tests.fakes import FakeReporter

SAMPLES = Path(__file__).parents[2] / "samples"
FLOWER, BAD = [7.0, 3.2, 4.7, 1.4], ["seven", 3.2, 4.7, 1.4]
pytestmark = pytest.mark.e2e


class Desk:
    """samples/iris with other triggers, under a name of its own."""

    def __init__(self, root: Path, endpoint: str, name: str) -> None:
        shutil.copytree(SAMPLES / "iris", root, ignore=shutil.ignore_patterns(".slsdeploy"))
        self.root, self.name = root, name
        self._tools = Tools(SystemShell(), FakeReporter(), lambda _: Aws(None, endpoint))

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
