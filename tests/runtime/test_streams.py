"""Batches of streams (Kinesis, DynamoDB, Kafka): recorded events to exact answers, and what goes back to the stream."""

from __future__ import annotations

import base64
import json
from typing import Any

import boto3
import pytest

from slsdeploy_runtime.batch import Unreadable
from slsdeploy_runtime.dispatch import UnknownEvent
from slsdeploy_runtime.events.kafka import BatchFailed
from slsdeploy_runtime.streams import PoisonRecord
from tests.runtime import bundles
from tests.runtime.conftest import REGION, Serve, logs, metrics, recorded
from tests.runtime.test_sqs import failed, received

KINESIS, DYNAMODB = [bundles.event("kinesis")], [bundles.event("dynamodb")]
CLUSTER = "arn:aws:kafka:eu-west-1:123456789012:cluster/rows/751d2973-a626-431c-9d4e-d7975eb44dd7-2"
MSK: dict[str, Any] = {"cluster": CLUSTER, "topics": ["rows"]}
PROVISIONED = [bundles.event("kafka", **MSK, minimum_pollers=1)]
SEQUENCES = [record["kinesis"]["sequenceNumber"] for record in recorded("kinesis")["Records"]]
SHARD = "shardId-000000000006"


def queue_of(source: str) -> str:
    return f"SLSDEPLOY_{source.upper()}TRIGGER_OUTPUT_QUEUE_URL"


def batch(*contents: Any) -> dict[str, Any]:
    """Return a batch of Kinesis with these data; what is no bytes goes as JSON."""
    records = []
    for index, content in enumerate(contents):
        record = recorded("kinesis")["Records"][0]
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        record["kinesis"] |= {"sequenceNumber": str(index), "data": base64.b64encode(data).decode()}
        record["eventID"] = f"{SHARD}:{index}"
        records.append(record)
    return {"Records": records}


def taken(sqs: Any, url: str, key: str = "sequence_number") -> list[Any]:
    return sorted(json.loads(each["Body"])[key] for each in received(sqs, url))


def test_a_recorded_batch_of_kinesis_stops_at_its_first_failure(
    serve: Serve, sqs: Any, answers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = serve(events=KINESIS, environment={queue_of("kinesis"): answers})(recorded("kinesis"))
    assert answer == {"batchItemFailures": [{"itemIdentifier": SEQUENCES[1]}]}
    (message,) = received(sqs, answers)
    assert json.loads(message["Body"]) == {
        "outputs": {"y": [[2.0, 4.0]]},
        "sequence_number": SEQUENCES[0],
        "shard_id": SHARD,
        "partition_key": "1",
    }
    output = capsys.readouterr().out
    bad, waiting = logs(output)
    assert (bad["where"], bad["level"]) == (f"record {SHARD}/{SEQUENCES[1]}", "WARNING")
    assert bad["problem"].startswith("body: not JSON")
    assert (waiting["message"], waiting["count"]) == ("records wait for an earlier one that failed", 1)
    assert metrics(output)[0]["BatchSize"] == [2.0]


def test_a_recorded_batch_of_dynamodb_predicts_what_is_written(serve: Serve, sqs: Any, answers: str) -> None:
    answer = serve(events=DYNAMODB, environment={queue_of("dynamodb"): answers})(recorded("dynamodb"))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "13021600000000001596893681"}]}
    (message,) = received(sqs, answers)
    assert json.loads(message["Body"]) == {
        "predictions": [[2.0, 5.0]],
        "sequence_number": "13021600000000001596893679",
        "event_name": "INSERT",
        "keys": {"id": "flower-1"},
    }


@pytest.mark.parametrize("name", ["kafka_msk", "kafka_self_managed"])
def test_a_recorded_batch_of_kafka_stops_each_partition_at_its_first_failure(
    serve: Serve, sqs: Any, answers: str, name: str
) -> None:
    own: dict[str, Any] = {"bootstrap_servers": ["b1.example.com:9092"], "topics": ["rows"], "minimum_pollers": 1}
    events = PROVISIONED if name == "kafka_msk" else [bundles.event("kafka", **own)]
    answer = serve(events=events, environment={queue_of("kafka"): answers})(recorded(name))
    assert answer == {"batchItemFailures": [{"itemIdentifier": {"partition": "rows-0", "offset": 16}}]}
    found = sorted((json.loads(each["Body"]) for each in received(sqs, answers)), key=lambda body: body["partition"])
    assert found == [
        {"outputs": {"y": [[2.0, 4.0]]}, "topic": "rows", "partition": 0, "offset": 15},
        {"predictions": [[10.0, 12.0]], "topic": "rows", "partition": 1, "offset": 7},
    ]


def test_without_provisioned_pollers_the_batch_fails(serve: Serve, sqs: Any, answers: str) -> None:
    function = serve(events=[bundles.event("kafka", **MSK)], environment={queue_of("kafka"): answers})
    with pytest.raises(BatchFailed, match="1 of 2 partitions stopped; rows-0/16: body: not JSON"):
        function(recorded("kafka_msk"))
    assert taken(sqs, answers, "offset") == [7, 15]
    good = recorded("kafka_msk")
    del good["records"]["rows-0"][1:]
    assert function(good) == {"batchItemFailures": []}


@pytest.mark.parametrize(("max_batch", "runs"), [(None, 1), (100, 1), (32, 4), (33, 4), (7, 15), (1, 100)])
def test_a_hundred_records_cost_as_many_runs_as_max_batch_says(
    serve: Serve, sqs: Any, answers: str, capsys: pytest.CaptureFixture[str], max_batch: int | None, runs: int
) -> None:
    function = serve(
        events=KINESIS, environment={queue_of("kinesis"): answers}, settings={"double": {"max_batch": max_batch}}
    )
    assert failed(function(batch(*[{"instances": [[n, n]]} for n in range(100)]))) == []
    sizes = [size for line in metrics(capsys.readouterr().out) for size in line["BatchSize"]]
    assert (len(sizes), sum(sizes), max(sizes)) == (runs, 100.0, min(float(max_batch or 100), 100.0))
    found = {
        body["sequence_number"]: body["predictions"]
        for body in map(json.loads, (m["Body"] for m in received(sqs, answers)))
    }
    assert found == {str(n): [[2.0 * n, 2.0 * n]] for n in range(100)}


def test_a_fixed_batch_is_split_filled_up_and_joined(
    serve: Serve, sqs: Any, answers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    function = serve(bundles.double((8, 2)), events=KINESIS, environment={queue_of("kinesis"): answers})
    rows = [{"instances": [[n, 0]] * (3 if n == 50 else 1)} for n in range(100)]
    assert failed(function(batch(*rows))) == []
    assert metrics(capsys.readouterr().out)[0]["BatchSize"] == [8.0] * 13
    found = {
        body["sequence_number"]: body["predictions"]
        for body in map(json.loads, (m["Body"] for m in received(sqs, answers)))
    }
    assert found == {str(n): [[2.0 * n, 0.0]] * (3 if n == 50 else 1) for n in range(100)}


def test_a_request_with_more_rows_than_max_batch_runs_in_portions(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    function = serve(settings={"double": {"max_batch": 4}})
    answer = function({"instances": [[n, 0] for n in range(10)]})
    assert answer == {"predictions": [[2.0 * n, 0.0] for n in range(10)]}
    assert metrics(capsys.readouterr().out)[0]["BatchSize"] == [4.0, 4.0, 2.0]


def test_a_record_that_only_the_model_refuses_costs_few_runs(
    serve: Serve, sqs: Any, answers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    events = [bundles.event("kinesis", bisect_batch_on_function_error=False)]
    function = serve(bundles.lookup(), events=events, environment={queue_of("kinesis"): answers})
    rows = [{"instances": [9 if n == 60 else n % 3]} for n in range(100)]
    assert failed(function(batch(*rows))) == ["60"]
    assert len(received(sqs, answers)) == 60
    assert len(metrics(capsys.readouterr().out)[0]["BatchSize"]) < 10  # those that went well


def test_a_poison_record_at_the_front_makes_lambda_split_the_batch(serve: Serve, sqs: Any, answers: str) -> None:
    function = serve(events=KINESIS, environment={queue_of("kinesis"): answers})
    with pytest.raises(PoisonRecord, match=f"record {SHARD}/0, the first of 2, failed: body: not JSON"):
        function(batch(b"poison", {"instances": [[1, 2]]}))
    assert received(sqs, answers) == []
    assert failed(function(batch(b"poison"))) == ["0"]


def test_a_poison_record_at_the_front_is_given_back_when_batches_are_not_split(serve: Serve) -> None:
    function = serve(events=[bundles.event("kinesis", output="none", bisect_batch_on_function_error=False)])
    assert failed(function(batch(b"poison", {"instances": [[1, 2]]}))) == ["0"]


def test_answers_may_go_to_a_bucket(serve: Serve, aws: None) -> None:
    s3 = boto3.client("s3", region_name=REGION)
    s3.create_bucket(Bucket="answers", CreateBucketConfiguration={"LocationConstraint": REGION})
    variable = "SLSDEPLOY_KINESISTRIGGER_OUTPUT_BUCKET"
    function = serve(events=[bundles.event("kinesis", output="bucket")], environment={variable: "answers"})
    assert failed(function(batch({"instances": [[1, 2]]}))) == []
    (item,) = s3.list_objects_v2(Bucket="answers")["Contents"]
    assert item["Key"] == f"{SHARD}/0.json"


class Losing:
    """An SQS client that does not take the second of the answers it gets at once."""

    def send_message_batch(self, **call: Any) -> dict[str, Any]:
        lost = call["Entries"][1]
        return {"Failed": [{"Id": lost["Id"], "Code": "InternalError", "SenderFault": False}]}


def test_an_answer_that_sqs_did_not_take_is_where_the_stream_goes_on(serve: Serve) -> None:
    function = serve(events=KINESIS, environment={queue_of("kinesis"): "url"}, client=lambda service: Losing())
    assert failed(function(batch(*[{"instances": [[1, 2]]}] * 4))) == ["1"]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("%%%", "data: not base64"),
        (5, "data: found int, expected base64"),
        (None, "data: found NoneType, expected base64"),
        ("", "body: found nothing (it is empty), expected JSON"),
        (base64.b64encode(b"\xff\xfe").decode(), "body: found byte 0xff at 0"),
        (
            base64.b64encode(b"\xf3\x89\x9a\xc2\x0a\x01a").decode(),
            "an aggregated record of the Kinesis Producer Library",
        ),
        (base64.b64encode(b'{"instances": [["a"]]}').decode(), "instances[0][0]"),
        (base64.b64encode(b"[" * 1_000_000).decode(), "body: not JSON"),
        (base64.b64encode(b"x" * 1_048_576).decode(), "body: not JSON"),
    ],
)
def test_bad_data_fails_alone_and_the_log_says_why(
    serve: Serve, sqs: Any, answers: str, capsys: pytest.CaptureFixture[str], data: Any, problem: str
) -> None:
    function = serve(events=KINESIS, environment={queue_of("kinesis"): answers})
    event = batch({"instances": [[1, 2]]}, {}, {"instances": [[3, 4]]})
    event["Records"][1]["kinesis"]["data"] = data
    assert failed(function(event)) == ["1"]
    assert taken(sqs, answers) == ["0"]
    found = logs(capsys.readouterr().out)[0]
    assert problem in found["problem"]
    assert len(found["problem"]) < 500
    assert failed(function(batch({"instances": [[5, 6]]}))) == []  # the next batch works


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        [],
        {},
        {"N": "one"},
        {"N": 1},
        {"S": 1},
        {"BOOL": "true"},
        {"L": {}},
        {"M": []},
        {"NS": "1"},
        {"X": 1},
        {"N": "1", "S": "1"},
    ],
)
def test_an_item_that_is_not_as_dynamodb_writes_it_fails_alone(serve: Serve, value: Any) -> None:
    function = serve(events=[bundles.event("dynamodb", output="none")])
    event = recorded("dynamodb")
    event["Records"][2]["dynamodb"]["NewImage"] = {"instances": value}
    assert failed(function(event)) == ["13021600000000001596893681"]


def test_an_item_becomes_plain_json(serve: Serve, sqs: Any, answers: str) -> None:
    handler = """
import json
import numpy as np

def preprocess(request):
    assert request.source == "dynamodb" and request.meta["keys"] == {"id": "flower-1"}
    print("ITEM", json.dumps(request.data))
    return {"x": np.array([[request.data["n"], len(request.data["set"])]])}
"""
    event = recorded("dynamodb")
    del event["Records"][1:]
    event["Records"][0]["dynamodb"]["NewImage"] = {
        "n": {"N": "-1.5e2"},
        "big": {"N": "12345678901234567890"},
        "set": {"NS": ["1", "2.5"]},
        "texts": {"SS": ["a"]},
        "raw": {"B": "/w=="},
        "raws": {"BS": ["/w=="]},
        "yes": {"BOOL": True},
        "none": {"NULL": True},
        "map": {"M": {"list": {"L": [{"S": "a"}, {"N": "1"}]}}},
    }
    function = serve(events=DYNAMODB, handler=handler, environment={queue_of("dynamodb"): answers})
    assert failed(function(event)) == []
    assert bodies_of(sqs, answers)[0]["outputs"] == {"y": [[-300.0, 4.0]]}


def bodies_of(sqs: Any, url: str) -> list[Any]:
    return [json.loads(each["Body"]) for each in received(sqs, url)]


def test_a_table_whose_stream_shows_no_new_images_is_told_so(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    function = serve(events=[bundles.event("dynamodb", output="none")])
    event = recorded("dynamodb")
    del event["Records"][:2], event["Records"][0]["dynamodb"]["NewImage"]
    event["Records"][0]["dynamodb"]["StreamViewType"] = "KEYS_ONLY"
    assert failed(function(event)) == ["13021600000000001596893681"]
    assert "must show NEW_IMAGE or NEW_AND_OLD_IMAGES, it shows KEYS_ONLY" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["kinesis", "dynamodb", "kafka_msk"])
def test_a_preprocess_gets_bytes_that_are_no_json(serve: Serve, name: str) -> None:
    handler = """
import numpy as np

def preprocess(request):
    size = len(request.data)
    return {"x": np.array([[size, request.content_type == "application/octet-stream"]])}
"""
    kafka: dict[str, Any] = {**MSK, "minimum_pollers": 1} if name == "kafka_msk" else {}
    events = [bundles.event(name.partition("_")[0], output="none", **kafka)]
    assert failed(serve(events=events, handler=handler)(recorded(name))) == []


@pytest.mark.parametrize("value", [None, [], 5, "x", {}])
@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("kinesis", "Records/0/kinesis"),
        ("kinesis", "Records/0/kinesis/sequenceNumber"),
        ("kinesis", "Records/0/eventID"),
        ("dynamodb", "Records/0/dynamodb"),
        ("dynamodb", "Records/0/dynamodb/SequenceNumber"),
        ("kafka_msk", "records/rows-0/0/topic"),
        ("kafka_msk", "records/rows-0/1/partition"),
        ("kafka_msk", "records/rows-0/1/offset"),
    ],
)
def test_a_record_that_does_not_say_which_it_is_brings_the_batch_back(
    serve: Serve, name: str, path: str, value: Any
) -> None:
    event = recorded(name)
    *way, last = path.split("/")
    place = event
    for step in way:
        place = place[int(step) if step.isdigit() else step]
    place[last] = value
    kafka: dict[str, Any] = {**MSK, "minimum_pollers": 1} if name == "kafka_msk" else {}
    function = serve(events=[bundles.event(name.partition("_")[0], output="none", **kafka)])
    is_an_id = value == "x" and last in ("eventID", "sequenceNumber", "SequenceNumber")
    is_a_number = value == 5 and last in ("partition", "offset")
    if is_an_id or is_a_number:
        assert failed_ids(function(event))  # whatever it is, the poison record behind it goes back
        return
    with pytest.raises((Unreadable, UnknownEvent)):
        function(event)


def failed_ids(answer: Any) -> list[Any]:
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


@pytest.mark.parametrize("name", ["kinesis", "dynamodb", "kafka_msk", "kafka_self_managed"])
def test_records_of_a_source_without_a_trigger_are_raised_and_so_stay_there(serve: Serve, name: str) -> None:
    with pytest.raises(UnknownEvent):
        serve(events=[bundles.event("sqs")])(recorded(name))


@pytest.mark.parametrize("version", ["0.1", "9.9", None])
def test_another_version_of_an_event_is_read_alike(serve: Serve, version: str | None) -> None:
    event = recorded("kinesis")
    for record in event["Records"]:
        record["eventVersion"] = version
        record["kinesis"]["kinesisSchemaVersion"] = version
    assert failed(serve(events=[bundles.event("kinesis", output="none")])(event)) == [SEQUENCES[1]]
