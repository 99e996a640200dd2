"""Streams that call functions: each record in order, batches, retries, splits, what is given up and where that is told."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.local_lambda import REGION, Lab, eventually, local_lambda
from tests.e2e.test_functions_events import queue, received

pytestmark = pytest.mark.e2e

# Takes a stream's records; "poison" is given back, "crash" brings the whole batch down.
BATCH = """
import base64, json
def handler(event, context):
    texts = [base64.b64decode(record["kinesis"]["data"]).decode() for record in event["Records"]]
    print("BATCH", json.dumps(texts))
    if "crash" in texts:
        raise ValueError("crash")
    bad = [r["kinesis"]["sequenceNumber"] for r, text in zip(event["Records"], texts) if text.startswith("poison")]
    return {"batchItemFailures": [{"itemIdentifier": number} for number in bad]}
"""
KEEP = "import json\ndef handler(event, context):\n    print('GOT', json.dumps(event))\n"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with local_lambda(tmp_path_factory.mktemp("lambda")) as made:
        yield made


def stream(lab: Lab, name: str, *texts: str, shards: int = 1) -> str:
    kinesis = lab.client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    put(lab, name, *texts)
    return f"arn:aws:kinesis:{REGION}:123456789012:stream/{name}"


def put(lab: Lab, name: str, *texts: str, key: str = "") -> None:
    if texts:
        records = [{"Data": text.encode(), "PartitionKey": key or text} for text in texts]
        lab.client("kinesis").put_records(StreamName=name, Records=records)


def poll(lab: Lab, function: str, arn: str, **options: Any) -> str:
    settings = {"StartingPosition": "TRIM_HORIZON", **options}
    made = lab.client("lambda").create_event_source_mapping(FunctionName=function, EventSourceArn=arn, **settings)
    lab.functions.changed()
    return str(made["UUID"])


def lines(lab: Lab, function: str, word: str) -> list[Any]:
    found = [line for line in lab.log(f"/aws/lambda/{function}") if line.startswith(f"{word} ")]
    return [json.loads(line.removeprefix(f"{word} ")) for line in found]


def flat(batches: list[list[str]]) -> list[str]:
    return [text for batch in batches for text in batch]


def test_records_arrive_in_the_shape_that_aws_gives_them(lab: Lab) -> None:
    lab.create("shape", KEEP)
    arn = stream(lab, "shape")
    poll(lab, "shape", arn)
    lab.client("kinesis").put_record(StreamName="shape", Data=b"\xff\x00h", PartitionKey="k")
    ((record,),) = [event["Records"] for event in eventually(lambda: lines(lab, "shape", "GOT"))]
    arrived = record["kinesis"].pop("approximateArrivalTimestamp")
    assert abs(arrived - time.time()) < 60
    assert record == {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "k",
            "sequenceNumber": "1",
            "data": base64.b64encode(b"\xff\x00h").decode(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": "shardId-000000000000:1",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda",
        "awsRegion": REGION,
        "eventSourceARN": arn,
    }


def test_a_shard_keeps_its_order_and_batches_their_size(lab: Lab) -> None:
    lab.create("order", BATCH)
    texts = [f"{number:02d}" for number in range(25)]
    poll(lab, "order", stream(lab, "order", *texts), BatchSize=10)
    eventually(lambda: len(lines(lab, "order", "BATCH")) == 3)
    assert [len(batch) for batch in lines(lab, "order", "BATCH")] == [10, 10, 5]
    assert flat(lines(lab, "order", "BATCH")) == texts


def test_each_shard_has_a_poller(lab: Lab) -> None:
    lab.create("shards", BATCH)
    texts = [f"{number:02d}" for number in range(40)]
    poll(lab, "shards", stream(lab, "shards", *texts, shards=3))
    eventually(lambda: sorted(flat(lines(lab, "shards", "BATCH"))) == texts)
    batches = lines(lab, "shards", "BATCH")
    assert len(batches) == 3
    assert all(batch == sorted(batch) for batch in batches)


def test_several_pollers_of_a_shard_keep_the_order_of_each_key(lab: Lab) -> None:
    lab.create("lanes", BATCH)
    arn = stream(lab, "lanes")
    for number in range(5):
        for key in "abcdef":
            put(lab, "lanes", f"{key}{number}", key=key)
    poll(lab, "lanes", arn, ParallelizationFactor=4)
    eventually(lambda: len(flat(lines(lab, "lanes", "BATCH"))) == 30)
    seen = flat(lines(lab, "lanes", "BATCH"))
    assert len(lines(lab, "lanes", "BATCH")) > 1
    for key in "abcdef":
        assert [text for text in seen if text[0] == key] == [f"{key}{number}" for number in range(5)]


def test_latest_takes_what_comes_after_it(lab: Lab) -> None:
    lab.create("latest", BATCH)
    poll(lab, "latest", stream(lab, "latest", "old"), StartingPosition="LATEST")
    time.sleep(1)
    put(lab, "latest", "new")
    assert eventually(lambda: lines(lab, "latest", "BATCH")) == [["new"]]


def test_a_poison_record_is_tried_again_with_those_behind_it_then_given_up(lab: Lab) -> None:
    url, arn = queue(lab, "given-up")
    lab.create("given-up", BATCH)
    source = stream(lab, "given-up", "a", "b", "poison", "c")
    poll(
        lab,
        "given-up",
        source,
        MaximumRetryAttempts=1,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        DestinationConfig={"OnFailure": {"Destination": arn}},
    )
    told = json.loads(eventually(lambda: received(lab, url))[0]["Body"])
    eventually(lambda: lines(lab, "given-up", "BATCH") == [["a", "b", "poison", "c"], ["poison", "c"]])
    assert told["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert "functionError" not in told["responseContext"]
    info = told["KinesisBatchInfo"]
    assert {key: info[key] for key in ("shardId", "startSequenceNumber", "endSequenceNumber", "batchSize")} == {
        "shardId": "shardId-000000000000",
        "startSequenceNumber": "3",
        "endSequenceNumber": "4",
        "batchSize": 2,
    }
    assert info["streamArn"] == source
    assert "payload" not in told
    put(lab, "given-up", "after")
    eventually(lambda: lines(lab, "given-up", "BATCH")[-1:] == [["after"]])


def test_a_batch_that_fails_is_split_until_the_poison_record_is_alone(lab: Lab) -> None:
    lab.create("split", BATCH)
    lab.client("s3").create_bucket(Bucket="given-up", CreateBucketConfiguration={"LocationConstraint": REGION})
    uuid = poll(
        lab,
        "split",
        stream(lab, "split", "a", "b", "crash", "c", "d"),
        MaximumRetryAttempts=1,
        BisectBatchOnFunctionError=True,
        DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::given-up"}},
    )
    s3 = lab.client("s3")
    (item,) = eventually(lambda: s3.list_objects_v2(Bucket="given-up").get("Contents"))
    assert item["Key"].startswith(f"aws/lambda/{uuid}/shardId-000000000000/")
    told = json.loads(s3.get_object(Bucket="given-up", Key=item["Key"])["Body"].read())
    assert told["responseContext"]["functionError"] == "Unhandled"
    assert [record["kinesis"]["sequenceNumber"] for record in told["payload"]["Records"]] == ["3"]
    eventually(lambda: lines(lab, "split", "BATCH")[-1:] == [["c", "d"]])
    good = [batch for batch in lines(lab, "split", "BATCH") if "crash" not in batch]
    assert flat(good) == ["a", "b", "c", "d"]
    assert lines(lab, "split", "BATCH").count(["crash"]) == 2


def test_records_that_are_too_old_are_given_up_untried(lab: Lab) -> None:
    url, arn = queue(lab, "too-old")
    lab.create("too-old", BATCH)
    source = stream(lab, "too-old", "old")
    time.sleep(1.2)
    put(lab, "too-old", "young")
    poll(lab, "too-old", source, MaximumRecordAgeInSeconds=1, DestinationConfig={"OnFailure": {"Destination": arn}})
    told = json.loads(eventually(lambda: received(lab, url))[0]["Body"])
    assert (told["requestContext"]["condition"], told["KinesisBatchInfo"]["batchSize"]) == ("RecordAgeExceeded", 1)
    assert "responseContext" not in told
    assert eventually(lambda: lines(lab, "too-old", "BATCH")) == [["young"]]


def test_a_window_gathers_and_a_filter_sorts_out(lab: Lab) -> None:
    lab.create("gather", BATCH)
    arn = stream(lab, "gather")
    pattern = json.dumps({"data": {"kind": ["wanted"]}, "partitionKey": [{"prefix": "k"}]})
    poll(
        lab,
        "gather",
        arn,
        BatchSize=6,
        MaximumBatchingWindowInSeconds=10,
        FilterCriteria={"Filters": [{"Pattern": pattern}]},
    )
    for number in range(3):
        put(lab, "gather", json.dumps({"kind": "wanted", "n": number}), key="k")
        put(lab, "gather", "no JSON" if number else json.dumps({"kind": "other"}), key="k")
    (batch,) = eventually(lambda: lines(lab, "gather", "BATCH"))
    assert [json.loads(text)["n"] for text in batch] == [0, 1, 2]


def test_a_mapping_that_was_disabled_goes_on_where_it_stopped(lab: Lab) -> None:
    lab.create("pause", BATCH)
    uuid = poll(lab, "pause", stream(lab, "pause", "one"))
    eventually(lambda: lines(lab, "pause", "BATCH"))
    lab.client("lambda").update_event_source_mapping(UUID=uuid, Enabled=False)
    lab.functions.changed()
    put(lab, "pause", "two")
    time.sleep(1)
    lab.client("lambda").update_event_source_mapping(UUID=uuid, Enabled=True)
    lab.functions.changed()
    eventually(lambda: lines(lab, "pause", "BATCH") == [["one"], ["two"]])


def test_a_deleted_mapping_polls_no_more(lab: Lab) -> None:
    lab.create("gone", BATCH)
    uuid = poll(lab, "gone", stream(lab, "gone", "one"))
    eventually(lambda: lines(lab, "gone", "BATCH"))
    lab.client("lambda").delete_event_source_mapping(UUID=uuid)
    lab.functions.changed()
    put(lab, "gone", "two")
    time.sleep(1)
    assert lines(lab, "gone", "BATCH") == [["one"]]


def test_changes_of_a_table_arrive_in_the_shape_that_aws_gives_them(lab: Lab) -> None:
    lab.create("changes", KEEP)
    dynamodb = lab.client("dynamodb")
    made = dynamodb.create_table(
        TableName="changes",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]
    pattern = json.dumps({"eventName": ["INSERT"], "dynamodb": {"NewImage": {"id": {"S": [{"prefix": "flower"}]}}}})
    poll(lab, "changes", made["LatestStreamArn"], FilterCriteria={"Filters": [{"Pattern": pattern}]})
    dynamodb.put_item(TableName="changes", Item={"id": {"S": "tree-1"}})
    dynamodb.put_item(TableName="changes", Item={"id": {"S": "flower-1"}, "x": {"N": "1.5"}, "raw": {"B": b"\xff"}})
    dynamodb.delete_item(TableName="changes", Key={"id": {"S": "flower-1"}})
    ((record,),) = [event["Records"] for event in eventually(lambda: lines(lab, "changes", "GOT"))]
    change = record.pop("dynamodb")
    assert abs(change.pop("ApproximateCreationDateTime") - time.time()) < 60
    assert change.pop("SizeBytes") > 0
    assert record.pop("eventID")
    assert change == {
        "Keys": {"id": {"S": "flower-1"}},
        "NewImage": {"id": {"S": "flower-1"}, "x": {"N": "1.5"}, "raw": {"B": "/w=="}},
        "SequenceNumber": "1100000000017454423010",
        "StreamViewType": "NEW_IMAGE",
    }
    assert record == {
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "eventSourceARN": made["LatestStreamArn"],
    }
