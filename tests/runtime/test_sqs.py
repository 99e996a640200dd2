"""Batches of messages, against SQS and S3 in this process (moto): what is sent, and what goes back to the queue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import boto3
import pytest

from slsdeploy_runtime.dispatch import UnknownEvent
from tests.runtime import bundles
from tests.runtime.conftest import REGION, Serve, logs, metrics, recorded

QUEUE, BUCKET = "SLSDEPLOY_SQSTRIGGER_OUTPUT_QUEUE_URL", "SLSDEPLOY_SQSTRIGGER_OUTPUT_BUCKET"
SQS = [bundles.event("sqs")]
IDS = [f"2e1424d4-f796-459a-8184-9c92662be6{index:02d}" for index in range(5)]


def batch(*bodies: Any) -> dict[str, Any]:
    """Return a batch of messages with these bodies; one that is no text goes as JSON."""
    record = recorded("sqs_batch")["Records"][0]
    texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
    return {"Records": [{**record, "messageId": f"m{index}", "body": text} for index, text in enumerate(texts)]}


def received(sqs: Any, url: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"]).get("Messages"):
        messages += found
    return messages


def bodies(sqs: Any, url: str) -> list[Any]:
    return sorted((json.loads(each["Body"]) for each in received(sqs, url)), key=lambda body: str(body["message_id"]))


def failed(answer: Mapping[str, Any]) -> list[str]:
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_a_recorded_batch_is_stacked_and_its_poison_record_fails_alone(
    serve: Serve, sqs: Any, answers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = serve(events=SQS, environment={QUEUE: answers})(recorded("sqs_batch"))
    assert answer == {"batchItemFailures": [{"itemIdentifier": IDS[3]}]}
    assert bodies(sqs, answers) == [
        {"message_id": IDS[1], "outputs": {"y": [[2.0, 4.0]]}},
        {"message_id": IDS[2], "predictions": [[6.0, 8.0], [10.0, 12.0]]},
    ]
    output = capsys.readouterr().out
    (line,) = metrics(output)
    assert (line["BatchSize"], line["Errors"], len(line["InferenceTime"])) == ([3.0], [1.0], 1)
    assert [(each["where"], each["level"]) for each in logs(output)] == [(f"message {IDS[3]}", "WARNING")]


@pytest.mark.parametrize(
    "poison",
    ["not JSON", "", {}, {"instances": [["a", 1]]}, {"instances": [[1, 2, 3]]}, {"inputs": {"X": 1}}, [1]],
)
def test_one_poison_record_in_ten_fails_alone(serve: Serve, sqs: Any, answers: str, poison: Any) -> None:
    good: list[Any] = [{"instances": [[index, index]]} for index in range(10)]
    function = serve(events=SQS, environment={QUEUE: answers})
    assert failed(function(batch(*good[:4], poison, *good[5:]))) == ["m4"]
    assert bodies(sqs, answers) == [
        {"message_id": f"m{index}", "predictions": [[2.0 * index, 2.0 * index]]} for index in range(10) if index != 4
    ]


def test_a_record_that_only_the_model_refuses_fails_alone(serve: Serve, sqs: Any, answers: str) -> None:
    function = serve(bundles.lookup(), events=SQS, environment={QUEUE: answers})
    assert failed(function(batch({"instances": [0]}, {"instances": [9]}, {"instances": [2, 1]}))) == ["m1"]
    assert [each["predictions"] for each in bodies(sqs, answers)] == [[[0.0, 0.5]], [[2.0, 2.5], [1.0, 1.5]]]


def test_a_fixed_batch_runs_one_by_one(
    serve: Serve, sqs: Any, answers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    function = serve(bundles.double((1, 2)), events=SQS, environment={QUEUE: answers})
    assert failed(function(batch({"instances": [[1, 2]]}, {"instances": [[3, 4]]}))) == []
    assert [each["predictions"] for each in bodies(sqs, answers)] == [[[2.0, 4.0]], [[6.0, 8.0]]]
    assert metrics(capsys.readouterr().out)[0]["BatchSize"] == [1.0, 1.0]


def test_records_of_different_shapes_run_in_one_stack_for_each(
    serve: Serve, sqs: Any, answers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    function = serve(bundles.double((-1, -1)), events=SQS, environment={QUEUE: answers})
    assert failed(function(batch({"instances": [[1]]}, {"instances": [[1, 2]]}, {"instances": [[3]]}))) == []
    assert [each["predictions"] for each in bodies(sqs, answers)] == [[[2.0]], [[2.0, 4.0]], [[6.0]]]
    assert metrics(capsys.readouterr().out)[0]["BatchSize"] == [2.0, 1.0]


def test_a_model_that_does_not_answer_row_by_row_gets_each_record_alone(serve: Serve, sqs: Any, answers: str) -> None:
    function = serve(bundles.total(), events=SQS, environment={QUEUE: answers})
    assert failed(function(batch({"inputs": {"x": [[1, 2]]}}, {"inputs": {"x": [[3, 4], [5, 6]]}}))) == []
    assert [each["outputs"]["sum"] for each in bodies(sqs, answers)] == [[1.0, 2.0], [8.0, 10.0]]


def test_more_than_ten_answers_are_sent_in_tens(serve: Serve, sqs: Any, answers: str) -> None:
    function = serve(
        events=[bundles.event("sqs", batch_size=50, maximum_batching_window_in_seconds=1)], environment={QUEUE: answers}
    )
    assert failed(function(batch(*[{"instances": [[index, 0]]} for index in range(25)]))) == []
    assert len(received(sqs, answers)) == 25


def test_answers_of_many_kilobytes_are_sent_in_portions_that_sqs_takes(serve: Serve, sqs: Any, answers: str) -> None:
    handler = "def postprocess(outputs):\n    return 'x' * 100_000\n"
    function = serve(events=SQS, handler=handler, environment={QUEUE: answers})
    assert failed(function(batch(*[{"instances": [[1, 0]]}] * 5))) == []
    assert len(received(sqs, answers)) == 5


def test_answers_may_go_to_a_bucket(serve: Serve, aws: None) -> None:
    s3 = boto3.client("s3", region_name=REGION)
    s3.create_bucket(Bucket="answers", CreateBucketConfiguration={"LocationConstraint": REGION})
    serve(events=[bundles.event("sqs", output="bucket")], environment={BUCKET: "answers"})(
        batch({"instances": [[1, 2]]})
    )
    body = s3.get_object(Bucket="answers", Key="m0.json")["Body"].read()
    assert json.loads(body) == {"message_id": "m0", "predictions": [[2.0, 4.0]]}
    s3.close()


def test_answers_may_go_nowhere(serve: Serve) -> None:
    function = serve(
        events=[bundles.event("sqs", output="none")], client=lambda service: pytest.fail(f"{service} was called")
    )
    assert failed(function(batch({"instances": [[1, 2]]}, "bad"))) == ["m1"]


def test_answers_that_cannot_be_sent_are_failures(serve: Serve, sqs: Any, capsys: pytest.CaptureFixture[str]) -> None:
    function = serve(events=SQS, environment={QUEUE: f"https://sqs.{REGION}.amazonaws.com/123456789012/gone"})
    assert failed(function(batch({"instances": [[1, 2]]}, {"instances": [[3, 4]]}))) == ["m0", "m1"]
    assert "QueueDoesNotExist" in logs(capsys.readouterr().out)[0]["exception"]


class HalfSending:
    """An SQS client whose every batch of entries loses the second."""

    def send_message_batch(self, **call: Any) -> dict[str, Any]:
        return {
            "Failed": [
                {"Id": call["Entries"][1]["Id"], "Code": "InternalError", "Message": "lost", "SenderFault": False}
            ]
        }


def test_an_answer_that_sqs_did_not_take_is_a_failure(serve: Serve) -> None:
    function = serve(events=SQS, environment={QUEUE: "url"}, client=lambda service: HalfSending())
    assert failed(function(batch(*[{"instances": [[1, 2]]}] * 3))) == ["m1"]


def test_a_fifo_queue_stops_a_message_group_at_its_first_failure(serve: Serve, sqs: Any) -> None:
    url = sqs.create_queue(QueueName="out.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    function = serve(events=[bundles.event("sqs", queue="rows.fifo")], environment={QUEUE: url})
    assert failed(function(recorded("sqs_fifo"))) == [IDS[2], IDS[4]]
    sent = received(sqs, url)
    assert [(json.loads(each["Body"])["message_id"], each["Attributes"]["MessageGroupId"]) for each in sent] == [
        (IDS[1], "a"),
        (IDS[3], "b"),
    ]
    assert [each["Attributes"]["MessageDeduplicationId"] for each in sent] == [IDS[1], IDS[3]]


class Refusing:
    """An SQS client that does not take the answers to some messages, and keeps the others in order."""

    def __init__(self, *refused: str) -> None:
        self.refused = refused
        self.taken: list[str] = []

    def send_message_batch(self, **call: Any) -> dict[str, Any]:
        ids = {entry["Id"]: json.loads(entry["MessageBody"])["message_id"] for entry in call["Entries"]}
        self.taken += [message_id for message_id in ids.values() if message_id not in self.refused]
        return {
            "Failed": [
                {"Id": entry_id, "Code": "InternalError", "SenderFault": False}
                for entry_id, message_id in ids.items()
                if message_id in self.refused
            ]
        }


def grouped(groups: str) -> dict[str, Any]:
    """Return a FIFO batch with one message for each letter, its group."""
    event = batch(*[{"instances": [[1, 2]]}] * len(groups))
    for record, group in zip(event["Records"], groups, strict=True):
        record["attributes"] = {**record["attributes"], "MessageGroupId": group}
    return event


@pytest.mark.parametrize(
    ("groups", "refused", "failures", "taken"),
    [
        ("aaaa", ["m1"], ["m1", "m2", "m3"], ["m0"]),
        ("abab", ["m0"], ["m0", "m2"], ["m1", "m3"]),
        ("aabba", ["m1"], ["m1", "m4"], ["m0", "m2", "m3"]),
        ("abc", ["m1"], ["m1"], ["m0", "m2"]),
        ("abca", [], [], ["m0", "m1", "m2", "m3"]),
    ],
)
def test_no_answer_overtakes_one_of_its_group_that_could_not_be_sent(
    serve: Serve, groups: str, refused: list[str], failures: list[str], taken: list[str]
) -> None:
    client = Refusing(*refused)
    events = [bundles.event("sqs", queue="rows.fifo")]
    function = serve(events=events, environment={QUEUE: "url.fifo"}, client=lambda service: client)
    assert sorted(failed(function(grouped(groups)))) == failures
    assert client.taken == taken


def test_groups_on_a_queue_without_order_do_not_wait(serve: Serve) -> None:
    client = Refusing("m0")
    function = serve(events=SQS, environment={QUEUE: "url"}, client=lambda service: client)
    assert failed(function(grouped("aaa"))) == ["m0"]
    assert client.taken == ["m1", "m2"]


class Full:
    """An S3 client that does not take one object."""

    def put_object(self, **call: Any) -> None:
        if call["Key"] == "m0.json":
            raise ConnectionError("lost")


def test_an_ordered_queue_stops_at_an_answer_that_a_bucket_did_not_take(serve: Serve) -> None:
    events = [bundles.event("sqs", queue="rows.fifo", output="bucket")]
    function = serve(events=events, environment={BUCKET: "answers"}, client=lambda service: Full())
    assert failed(function(grouped("aab"))) == ["m0", "m1"]


def test_a_preprocess_gets_the_body_and_the_attributes(serve: Serve, sqs: Any, answers: str) -> None:
    handler = """
from slsdeploy_runtime import BadInput
import numpy as np

def preprocess(request):
    if request.data == b"poison":
        raise BadInput("I will not")
    if request.content_type == "text/plain":
        return {"x": np.array([[float(each) for each in request.data.split(b",")]])}
    assert request.source == "sqs" and request.meta["queue"].endswith(":rows")
    return {"x": np.array([[0, len(request.meta["attributes"].get("kind", ""))]])}
"""
    event = batch("1,2", "poison", "text", {"any": "thing"})
    event["Records"][3]["messageAttributes"] = {"kind": {"stringValue": "iris", "dataType": "String"}}
    function = serve(events=SQS, handler=handler, environment={QUEUE: answers})
    assert failed(function(event)) == ["m1", "m2"]
    assert bodies(sqs, answers) == [
        {"message_id": "m0", "outputs": {"y": [[2.0, 4.0]]}},
        {"message_id": "m3", "outputs": {"y": [[0.0, 8.0]]}},
    ]


def test_each_record_has_a_postprocess_of_its_own(serve: Serve, sqs: Any, answers: str) -> None:
    handler = """
def postprocess(outputs):
    if outputs["y"][0, 0] == 4:
        raise ValueError("no fours")
    return outputs["y"].sum() if len(outputs["y"]) > 1 else {"y": outputs["y"][0, 0], "message_id": "mine"}
"""
    function = serve(events=SQS, handler=handler, environment={QUEUE: answers})
    assert failed(
        function(batch({"instances": [[1, 0]]}, {"instances": [[2, 0]]}, {"instances": [[3, 0], [4, 0]]}))
    ) == ["m1"]
    assert bodies(sqs, answers) == [{"message_id": "m0", "y": 2.0}, {"message_id": "m2", "result": 14.0}]


def test_a_batch_of_another_queue_is_raised_and_so_stays_there(serve: Serve) -> None:
    function = serve(
        events=SQS, environment={"SLSDEPLOY_SQSTRIGGER_QUEUE_ARN": "arn:aws:sqs:eu-west-1:123456789012:other"}
    )
    with pytest.raises(
        UnknownEvent, match="no trigger for aws:sqs records from arn:aws:sqs:eu-west-1:123456789012:rows"
    ):
        function(recorded("sqs_batch"))
