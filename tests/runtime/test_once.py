"""What is delivered twice, against DynamoDB, SQS and S3 in this process (moto): predicted once, answered once, never lost."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from slsdeploy_runtime.once import NotClaimed, StillBusy
from slsdeploy_runtime.outputs import variable
from slsdeploy_runtime.request import BadInput
from slsdeploy_runtime.s3_objects import ObjectsFailed
from tests.runtime import bundles
from tests.runtime.conftest import REGION, Function, Serve, logs, metrics, recorded
from tests.runtime.test_samples_of_events import BODY, SOURCES, placed
from tests.runtime.test_start import run

TABLE = "marks"
ONCE = {"SLSDEPLOY_IDEMPOTENCY_TABLE": TABLE, "SLSDEPLOY_IDEMPOTENCY_SECONDS": "3600"}
OUTPUT = variable("SqsTrigger", "BUCKET")
SQS = [bundles.event("sqs")]
FIFO = [bundles.event("sqs", queue="rows.fifo")]
ANSWERS = "answers"
ORDERED = """
def preprocess(request):
    with open({path!r}, "a") as file:
        file.write(request.data["name"] + " ")
    return {{"x": [[1.0, 2.0]]}}
"""


@pytest.fixture
def table(aws: None) -> Iterator[Any]:
    """The table, as the stack makes it."""
    client = boto3.client("dynamodb", region_name=REGION)
    client.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    yield client
    client.close()


@pytest.fixture
def s3(aws: None) -> Iterator[Any]:
    client = boto3.client("s3", region_name=REGION)
    for name in ("flowers", ANSWERS):
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    yield client
    client.close()


@pytest.fixture
def start(serve: Serve, table: Any, s3: Any) -> Callable[..., Function]:
    """Serve a function that answers once, its answers in a bucket."""
    return lambda *models, **bundle: serve(*models, environment={**ONCE, OUTPUT: ANSWERS}, **bundle)


def batch(*bodies: Any, groups: str = "") -> dict[str, Any]:
    """Return a batch of messages; of a queue that keeps order when they have groups, a letter each."""
    record = recorded("sqs_fifo" if groups else "sqs_batch")["Records"][0]
    records = [
        {**deepcopy(record), "messageId": f"m{index}", "body": json.dumps(body)} for index, body in enumerate(bodies)
    ]
    for each, group in zip(records, groups, strict=bool(groups)):
        each["attributes"]["MessageGroupId"] = group
    return {"Records": records}


def rows(*numbers: float) -> dict[str, Any]:
    return batch(*({"instances": [[number, number]]} for number in numbers))


def failed(answer: Any) -> list[str]:
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def answered(s3: Any, bucket: str = ANSWERS) -> dict[str, Any]:
    """Return the answers in a bucket by key, and take them out of it."""
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    found = {key: json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys}
    for key in keys:
        s3.delete_object(Bucket=bucket, Key=key)
    return found


def marks(table: Any) -> list[dict[str, str]]:
    """Return the marks in the table, their values as texts."""
    items = table.scan(TableName=TABLE)["Items"]
    return [{name: next(iter(value.values())) for name, value in item.items()} for item in items]


def change(table: Any, **values: Any) -> None:
    """Set attributes of every mark: numbers."""
    for mark in marks(table):
        for name, value in values.items():
            kind = "S" if isinstance(value, str) else "N"
            table.update_item(
                TableName=TABLE,
                Key={"id": {"S": mark["id"]}},
                UpdateExpression="SET #n = :v",
                ExpressionAttributeNames={"#n": name},
                ExpressionAttributeValues={":v": {kind: str(value)}},
            )


def in_milliseconds(seconds: float) -> int:
    return int((time.time() + seconds) * 1000)


def busy(table: Any, seconds: float) -> None:
    """Let every mark say that another invocation is at it, which will be killed so many seconds from now."""
    change(table, status="INPROGRESS", in_progress_expiration=in_milliseconds(seconds))


def refusing(operation: str, error: Exception) -> Callable[[str], Any]:
    """Return what gives AWS clients, DynamoDB's with an operation that fails."""

    class Refusing:
        def __init__(self, client: Any) -> None:
            self._client = client

        def __getattr__(self, name: str) -> Any:
            return self._refuse if name == operation else getattr(self._client, name)

        def _refuse(self, **_: Any) -> Any:
            raise error

    def client(service: str) -> Any:
        made = boto3.client(service, region_name=REGION)
        return Refusing(made) if service == "dynamodb" else made

    return client


THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": "too fast"}}, "PutItem")


def test_a_batch_that_comes_twice_is_answered_once(
    start: Callable[..., Function], s3: Any, table: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    function = start(events=SQS)
    assert failed(function(recorded("sqs_batch"))) == ["2e1424d4-f796-459a-8184-9c92662be603"]
    assert len(answered(s3)) == 2
    assert [mark["status"] for mark in marks(table)] == ["COMPLETED", "COMPLETED"]
    capsys.readouterr()
    assert failed(function(recorded("sqs_batch"))) == ["2e1424d4-f796-459a-8184-9c92662be603"]
    (line,) = metrics(capsys.readouterr().out)
    assert (line["Duplicates"], line["Errors"], "InferenceTime" in line) == ([2], [1], False)
    assert answered(s3) == {}


def test_records_are_stacked_all_the_same(
    start: Callable[..., Function], s3: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    function = start(events=SQS, settings={"double": {"max_batch": 30}})
    assert failed(function(rows(*range(100)))) == []
    (line,) = metrics(capsys.readouterr().out)
    assert line["BatchSize"] == [30, 30, 30, 10]
    assert answered(s3)["m7.json"] == {"message_id": "m7", "predictions": [[14.0, 14.0]]}


def test_of_a_batch_only_what_is_new_is_predicted(
    start: Callable[..., Function], s3: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    function = start(events=SQS)
    function(rows(1, 2))
    assert set(answered(s3)) == {"m0.json", "m1.json"}
    capsys.readouterr()
    assert failed(function(rows(1, 2, 3, 4))) == []
    assert set(answered(s3)) == {"m2.json", "m3.json"}
    (line,) = metrics(capsys.readouterr().out)
    assert (line["Duplicates"], line["BatchSize"]) == ([2], [2])


def test_the_same_record_twice_in_a_batch_is_one(start: Callable[..., Function], s3: Any) -> None:
    event = rows(1)
    assert failed(start(events=SQS)({"Records": event["Records"] * 2})) == []
    assert len(answered(s3)) == 1


def test_messages_of_two_queues_may_have_the_same_id(start: Callable[..., Function], s3: Any) -> None:
    function, event = start(events=SQS), rows(1)
    function(event)
    answered(s3)
    event["Records"][0]["eventSourceARN"] = "arn:aws:sqs:us-east-2:123456789012:another"
    function(event)
    assert len(answered(s3)) == 1


def test_a_mark_says_until_when(start: Callable[..., Function], table: Any) -> None:
    start(events=SQS)(rows(1), seconds=20)
    (mark,) = marks(table)
    assert 3590 < int(mark["expiration"]) - time.time() < 3601
    assert 19_000 < int(mark["in_progress_expiration"]) - time.time() * 1000 < 21_001
    assert json.loads(mark["data"]) is None  # the answer is not kept: it was sent


def test_what_failed_is_predicted_when_it_comes_again(start: Callable[..., Function], s3: Any, table: Any) -> None:
    s3.delete_bucket(Bucket=ANSWERS)
    function = start(events=SQS)
    assert failed(function(rows(1, 2))) == ["m0", "m1"]
    assert marks(table) == []
    s3.create_bucket(Bucket=ANSWERS, CreateBucketConfiguration={"LocationConstraint": REGION})
    assert failed(function(rows(1, 2))) == []
    assert set(answered(s3)) == {"m0.json", "m1.json"}


def test_an_expired_mark_is_none(start: Callable[..., Function], s3: Any, table: Any) -> None:
    function = start(events=SQS)
    function(rows(1))
    answered(s3)
    change(table, expiration=int(time.time()) - 5)
    function(rows(1))
    assert len(answered(s3)) == 1


def test_what_a_killed_invocation_had_begun_is_taken_over(start: Callable[..., Function], s3: Any, table: Any) -> None:
    function = start(events=SQS)
    function(rows(1))
    answered(s3)
    busy(table, -0.1)
    assert failed(function(rows(1))) == []
    assert len(answered(s3)) == 1


def test_it_waits_for_a_mark_to_expire(
    start: Callable[..., Function], s3: Any, table: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    function = start(events=SQS)
    function(rows(1))
    answered(s3)
    busy(table, 1.5)
    capsys.readouterr()
    assert failed(function(rows(1, 2))) == []
    assert len(answered(s3)) == 2
    (line,) = metrics(capsys.readouterr().out)
    assert line["BatchSize"] == [1, 1]  # what is new does not wait


def test_what_is_done_meanwhile_is_not_predicted(
    start: Callable[..., Function], s3: Any, table: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    function = start(events=SQS)
    function(rows(1))
    answered(s3)
    busy(table, 60)
    capsys.readouterr()
    timer = threading.Timer(0.5, lambda: change(table, status="COMPLETED"))
    timer.start()
    assert failed(function(rows(1))) == []
    timer.join()
    (line,) = metrics(capsys.readouterr().out)
    assert (line["Duplicates"], "BatchSize" in line, answered(s3)) == ([1], False, {})


def test_it_does_not_wait_longer_than_half_of_its_time(
    start: Callable[..., Function], s3: Any, table: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    function = start(events=SQS)
    function(rows(1))
    answered(s3)
    busy(table, 60)
    capsys.readouterr()
    began = time.monotonic()
    assert failed(function(rows(1, 2), seconds=4)) == ["m0"]
    assert time.monotonic() - began < 3.5
    assert set(answered(s3)) == {"m1.json"}
    (line,) = logs(capsys.readouterr().out)
    assert (line["where"], line["exception_name"]) == ("message m0", StillBusy.__name__)
    assert sorted(mark["status"] for mark in marks(table)) == ["COMPLETED", "INPROGRESS"]  # not ours to release


def test_order_holds_behind_what_is_busy(start: Callable[..., Function], s3: Any, table: Any, tmp_path: Any) -> None:
    path = tmp_path / "order"
    function = start(events=FIFO, handler=ORDERED.format(path=str(path)))
    first, *others = batch(*({"name": name} for name in ("a0", "b1", "a2", "b3")), groups="abab")["Records"]
    function({"Records": [first]})
    busy(table, 60)
    assert failed(function({"Records": [first, *others]}, seconds=1)) == ["m0", "m2"]
    assert path.read_text() == "a0 b1 b3 "
    busy_now = [mark for mark in marks(table) if mark["status"] == "INPROGRESS"]
    assert len(busy_now) == 1  # m2 is released
    busy_until = in_milliseconds(0.3)
    table.update_item(
        TableName=TABLE,
        Key={"id": {"S": busy_now[0]["id"]}},
        UpdateExpression="SET in_progress_expiration = :v",
        ExpressionAttributeValues={":v": {"N": str(busy_until)}},
    )
    assert failed(function({"Records": [first, *others]})) == []
    assert path.read_text() == "a0 b1 b3 a0 a2 "


def test_order_holds_behind_what_failed(start: Callable[..., Function], s3: Any, table: Any, tmp_path: Any) -> None:
    function = start(events=FIFO)
    event = batch({"instances": [["x"]]}, {"instances": [[1, 2]]}, {"instances": [[3, 4]]}, groups="aab")
    assert failed(function(event)) == ["m0", "m1"]
    assert set(answered(s3)) == {"m2.json"}
    event["Records"][0]["body"] = json.dumps({"instances": [[5, 6]]})
    assert failed(function(event)) == []
    assert set(answered(s3)) == {"m0.json", "m1.json"}


def test_nothing_is_predicted_without_a_claim(
    serve: Serve, table: Any, s3: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = {**ONCE, OUTPUT: ANSWERS}
    function = serve(events=SQS, environment=environment, client=refusing("put_item", THROTTLED))
    assert failed(function(rows(1, 2))) == ["m0", "m1"]
    output = capsys.readouterr().out
    (line,) = metrics(output)
    assert (line["Errors"], "BatchSize" in line, answered(s3)) == ([1, 1], False, {})
    told = logs(output)
    assert [each["exception_name"] for each in told] == [NotClaimed.__name__] * 2
    assert "could not be asked: ClientError: An error occurred (ThrottlingException)" in told[0]["exception"]


def test_a_table_that_is_not_there_fails_records_alike(serve: Serve, s3: Any) -> None:
    function = serve(events=SQS, environment={**ONCE, OUTPUT: ANSWERS})
    assert failed(function(rows(1, 2))) == ["m0", "m1"]
    assert answered(s3) == {}


def test_an_answer_that_cannot_be_marked_is_an_answer(
    serve: Serve, table: Any, s3: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = {**ONCE, OUTPUT: ANSWERS}
    function = serve(events=SQS, environment=environment, client=refusing("update_item", THROTTLED))
    assert failed(function(rows(1))) == []
    assert len(answered(s3)) == 1
    (line,) = logs(capsys.readouterr().out)
    assert (line["level"], line["message"]) == ("WARNING", "answered, but not marked as done")
    assert [mark["status"] for mark in marks(table)] == ["INPROGRESS"]


def test_a_failure_that_cannot_be_released_comes_again(
    serve: Serve, table: Any, s3: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = {**ONCE, OUTPUT: ANSWERS}
    function = serve(events=SQS, environment=environment, client=refusing("delete_item", THROTTLED))
    assert failed(function(batch({}))) == ["m0"]
    assert "failed, and still marked as in progress" in [line["message"] for line in logs(capsys.readouterr().out)]


def test_a_handler_that_ends_the_process_leaves_no_mark(start: Callable[..., Function], table: Any) -> None:
    function = start(events=SQS, handler="def preprocess(request):\n    raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        function(rows(1))
    assert marks(table) == []


def test_what_was_sent_before_the_end_is_marked_already(
    serve: Serve, table: Any, s3: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    keys: list[str] = []

    class Ending:
        """S3, but for the third object: the process ends instead."""

        def put_object(self, **given: Any) -> Any:
            keys.append(given["Key"])
            if len(keys) == 3:
                raise KeyboardInterrupt
            return s3.put_object(**given)

    def client(service: str) -> Any:
        return Ending() if service == "s3" else boto3.client(service, region_name=REGION)

    function = serve(events=SQS, environment={**ONCE, OUTPUT: ANSWERS}, client=client)
    with pytest.raises(KeyboardInterrupt):
        function(rows(1, 2, 3, 4))
    assert [mark["status"] for mark in marks(table)] == ["COMPLETED"] * 2
    capsys.readouterr()
    assert failed(function(rows(1, 2, 3, 4))) == []
    assert keys == ["m0.json", "m1.json", "m2.json", "m2.json", "m3.json"]
    (line,) = metrics(capsys.readouterr().out)
    assert (line["Duplicates"], line["BatchSize"]) == ([2], [2])


# objects


def arrived(sequencer: str = "1", way: str = "s3_put") -> Any:
    """Return the recorded event of a way, with this sequencer."""
    text = json.dumps(recorded(way))
    for known in ("0C0F6F405D6ED209E1", "617f08299329d189"):
        text = text.replace(known, sequencer)
    assert f'"{sequencer}' in text.replace("\\", "")
    return json.loads(text)


@pytest.mark.parametrize("way", ["s3_put", "s3_via_sns", "s3_via_sqs", "s3_via_sns_and_sqs", "s3_via_eventbridge"])
def test_an_object_is_predicted_once_by_whichever_way_it_comes(
    way: str, start: Callable[..., Function], s3: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    s3.put_object(Bucket="flowers", Key="input/my flower(1).json", Body=b'{"instances": [[1, 2]]}')
    function = start(events=[bundles.event("s3", output_bucket="answers")])
    first = function(arrived("A1", way))
    assert len(first["written"]) == 1
    again = function(arrived("A1"))
    assert (again["written"], again["skipped"]) == ([], [])
    assert len(function(arrived("A2"))["written"]) == 1  # written again
    duplicates = [line["Duplicates"] for line in metrics(capsys.readouterr().out) if "Duplicates" in line]
    assert duplicates == [[1]]


def test_an_object_that_failed_is_predicted_when_it_comes_again(
    start: Callable[..., Function], s3: Any, table: Any
) -> None:
    function = start(events=[bundles.event("s3")])
    with pytest.raises(ObjectsFailed):
        function(arrived())
    assert marks(table) == []
    s3.put_object(Bucket="flowers", Key="input/my flower(1).json", Body=b'{"instances": [[1, 2]]}')
    assert len(function(arrived())["written"]) == 1


def test_an_event_that_tells_nothing_of_its_object_is_always_predicted(
    start: Callable[..., Function], s3: Any, table: Any
) -> None:
    s3.put_object(Bucket="flowers", Key="input/my flower(1).json", Body=b'{"instances": [[1, 2]]}')
    event = recorded("s3_put")
    for name in ("sequencer", "eTag"):
        del event["Records"][0]["s3"]["object"][name]
    function = start(events=[bundles.event("s3")])
    assert [len(function(event)["written"]) for _ in range(2)] == [1, 1]
    assert marks(table) == []


def test_two_messages_of_one_object_are_one_prediction(
    start: Callable[..., Function], s3: Any, table: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    s3.put_object(Bucket="flowers", Key="input/my flower(1).json", Body=b'{"instances": [[1, 2]]}')
    function = start(events=[bundles.event("s3")])
    one, two = (arrived(each, "s3_via_sqs")["Records"][-1] for each in ("1", "2"))
    answer = function({"Records": [one, {**two, "messageId": "other"}]})
    assert (answer["batchItemFailures"], len(answer["written"]), len(marks(table))) == ([], 1, 2)
    (line,) = metrics(capsys.readouterr().out)
    assert line["BatchSize"] == [1]
    assert function({"Records": [two]})["written"] == []


def test_one_notification_in_two_messages_is_one_arrival(start: Callable[..., Function], s3: Any, table: Any) -> None:
    s3.put_object(Bucket="flowers", Key="input/my flower(1).json", Body=b'{"instances": [[1, 2]]}')
    function, record = start(events=[bundles.event("s3")]), arrived("1", "s3_via_sqs")["Records"][-1]
    answer = function({"Records": [record, {**record, "messageId": "other"}]}, seconds=4)
    assert (answer["batchItemFailures"], len(answer["written"]), len(marks(table))) == ([], 1, 1)
    s3.delete_object(Bucket="flowers", Key="input/my flower(1).json")
    answer = function({"Records": [arrived("2", "s3_via_sqs")["Records"][-1]] * 2})
    assert (len(answer["batchItemFailures"]), len(marks(table))) == (1, 1)


def test_a_table_that_cannot_be_asked_fails_an_object(serve: Serve, s3: Any, table: Any) -> None:
    s3.put_object(Bucket="flowers", Key="input/my flower(1).json", Body=b'{"instances": [[1, 2]]}')
    function = serve(events=[bundles.event("s3")], environment=ONCE, client=refusing("put_item", THROTTLED))
    with pytest.raises(ObjectsFailed, match="the table of what is done could not be asked"):
        function(arrived())
    assert set(answered(s3, "flowers")) == {"input/my flower(1).json"}


# what is pushed

PUSHED = [
    ("sns_notification", bundles.event("sns")),
    ("eventbridge", bundles.event("eventbridge", pattern={"source": ["com.example.flowers"]})),
    ("schedule", bundles.event("schedule")),
    ("schedule_rule", bundles.event("schedule", input={"instances": [[1, 2]]})),
    ("schedule_default", bundles.event("schedule", input={"instances": [[1, 2]]})),
]


@pytest.mark.parametrize(("event", "source"), PUSHED, ids=[name for name, _ in PUSHED])
def test_an_event_that_comes_twice_gets_its_former_answer(
    event: str, source: Any, start: Callable[..., Function], capsys: pytest.CaptureFixture[str]
) -> None:
    function = start(events=[source])
    first = function(recorded(event))
    capsys.readouterr()
    assert function(recorded(event)) == first != None  # noqa: E711
    (line,) = metrics(capsys.readouterr().out)
    assert (line["Duplicates"], "BatchSize" in line) == ([1], False)


def test_the_scheduler_gives_an_attempt_another_id(
    start: Callable[..., Function], capsys: pytest.CaptureFixture[str]
) -> None:
    function, event = start(events=[bundles.event("schedule")]), recorded("schedule")
    function(event)
    function({**event, "id": "another"})
    assert [line["Duplicates"] for line in metrics(capsys.readouterr().out) if "Duplicates" in line] == [[1]]
    function({**event, "time": "2022-03-22T19:59:43Z"})
    (line,) = metrics(capsys.readouterr().out)
    assert "Duplicates" not in line


def test_an_event_that_failed_is_predicted_when_it_comes_again(start: Callable[..., Function], table: Any) -> None:
    function, event = start(events=[bundles.event("sns")]), recorded("sns_notification")
    good = event["Records"][0]["Sns"]["Message"]
    event["Records"][0]["Sns"]["Message"] = "{}"
    with pytest.raises(BadInput):
        function(event)
    assert marks(table) == []
    event["Records"][0]["Sns"]["Message"] = good
    assert function(event)["answers"] != [None]


def test_an_answer_too_large_to_keep_is_not_kept(start: Callable[..., Function], table: Any) -> None:
    handler = "def postprocess(outputs):\n    return 'x' * 360_000\n"
    function, event = start(events=[bundles.event("sns")], handler=handler), recorded("sns_notification")
    assert len(function(event)["answers"][0]) == 360_000
    assert function(event) == {"answers": [None]}


def test_an_event_without_an_id_is_always_predicted(start: Callable[..., Function], table: Any) -> None:
    event = recorded("eventbridge")
    del event["id"]
    function = start(events=[bundles.event("eventbridge", pattern={"source": ["com.example.flowers"]})])
    assert function(event) == function(event)
    assert marks(table) == []


# streams

STREAMS = [
    ("kinesis", bundles.event("kinesis", output="bucket")),
    ("dynamodb", bundles.event("dynamodb", output="bucket")),
    (
        "kafka_msk",
        bundles.event("kafka", output="bucket", cluster=recorded("kafka_msk")["eventSourceArn"], topics=["rows"]),
    ),
]


@pytest.mark.parametrize(("event", "source"), STREAMS, ids=[name for name, _ in STREAMS])
def test_records_of_a_stream_that_come_twice_are_answered_once(
    event: str, source: Any, serve: Serve, s3: Any, table: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    output = variable(source["name"], "BUCKET")
    handler = "def preprocess(request):\n    return {'x': [[1.0, 2.0]]}\n"
    function = serve(events=[source], environment={**ONCE, output: ANSWERS}, handler=handler)
    assert failed(function(recorded(event))) == []
    count = len(answered(s3))
    capsys.readouterr()
    assert (failed(function(recorded(event))), answered(s3)) == ([], {})
    (line,) = metrics(capsys.readouterr().out)
    assert line["Duplicates"] == [count]


def test_a_topic_that_is_made_anew_counts_from_0_again(serve: Serve, s3: Any, table: Any) -> None:
    _, source = STREAMS[-1]
    environment = {**ONCE, variable("KafkaTrigger", "BUCKET"): ANSWERS}
    handler = "def preprocess(request):\n    return {'x': [[1.0, 2.0]]}\n"
    function, event = serve(events=[source], environment=environment, handler=handler), recorded("kafka_msk")
    function(event)
    count = len(answered(s3))
    for records in event["records"].values():
        for record in records:
            record["timestamp"] += 1
    function(event)
    assert len(answered(s3)) == count > 0


# what is called


@pytest.mark.parametrize("event", [{"instances": [[1, 2]]}, recorded("function_url")], ids=["direct", "http"])
def test_a_caller_is_always_answered(
    event: Any, start: Callable[..., Function], table: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    function = start(events=[bundles.event("http"), *SQS])
    for _ in range(2):
        function(event)
    assert ["BatchSize" in line for line in metrics(capsys.readouterr().out)] == [True, True]
    assert marks(table) == []


@pytest.mark.parametrize("name", ["sqs", "sns", "eventbridge", "schedule", "kinesis", "dynamodb", "kafka", "s3"])
def test_each_sample_is_a_new_one(
    name: str, start: Callable[..., Function], s3: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    made = placed(name)
    options = {key: value for key, value in asdict(made.options).items() if key != "type"}
    function = start(events=[bundles.event(name, **options)])
    for _ in range(2):
        if name == "s3":
            bucket, key, body = SOURCES[name].sample_object(BODY, made)
            s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")
        function(SOURCES[name].sample(BODY, made))
    assert ["BatchSize" in line for line in metrics(capsys.readouterr().out)] == [True, True]


def test_a_client_of_before_a_snapshot_does_not_live_on(serve: Serve, table: Any, s3: Any) -> None:
    made: list[Any] = []

    def client(service: str) -> Any:
        """Keep clients as `aws.client` does, until they are renewed."""
        if service != "dynamodb":
            return boto3.client(service, region_name=REGION)
        if not made:
            made.append(boto3.client(service, region_name=REGION))
        return made[0]

    function = serve(events=SQS, environment={**ONCE, OUTPUT: ANSWERS}, client=client)
    former = made.pop()
    former.close()
    made.append(refusing("put_item", THROTTLED)("dynamodb"))
    assert failed(function(rows(1))) == ["m0"]  # the new one was asked


def test_it_is_imported_at_start_and_by_who_needs_it(tmp_path: Path) -> None:
    task = bundles.write(tmp_path / "bundle", events=[bundles.event("sqs", output="none")])
    settings = {**ONCE, "AWS_REGION": REGION}
    done = run(task, "import slsdeploy_runtime.app, sys; print(*sorted(sys.modules))", settings)
    found = set(done.stdout.split())
    assert {"slsdeploy_runtime.once", "aws_lambda_powertools.utilities.idempotency", "boto3"} <= found, done.stderr
