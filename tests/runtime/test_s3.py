"""Objects that arrive in a bucket, against S3 in this process (moto), and the objects that are written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_plus

import boto3
import pytest

from slsdeploy_runtime.dispatch import UnknownEvent
from slsdeploy_runtime.s3_objects import ObjectsFailed
from tests.runtime import bundles
from tests.runtime.conftest import REGION, Serve, logs, metrics, recorded

BUCKET = "flowers"
RESULT = "output/input/my flower(1).json.json"


@pytest.fixture
def s3(aws: None) -> Iterator[Any]:
    client = boto3.client("s3", region_name=REGION)
    for name in (BUCKET, "results"):
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    yield client
    client.close()


def arrived(*keys: str) -> dict[str, Any]:
    (record,) = recorded("s3_put")["Records"]
    objects = [{**record["s3"], "object": {**record["s3"]["object"], "key": quote_plus(key)}} for key in keys]
    return {"Records": [{**record, "s3": each} for each in objects]}


def keys(s3: Any, bucket: str = BUCKET) -> list[str]:
    return [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_an_object_is_predicted_and_its_result_written(serve: Serve, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="input/my flower(1).json", Body=b'{"instances": [[1, 2]]}')
    answer = serve(events=[bundles.event("s3")])(recorded("s3_put"))
    assert answer == {"written": [f"s3://{BUCKET}/{RESULT}"], "skipped": []}
    result = s3.get_object(Bucket=BUCKET, Key=RESULT)
    assert (result["ContentType"], json.loads(result["Body"].read())) == (
        "application/json",
        {"predictions": [[2.0, 4.0]]},
    )


def test_results_go_to_the_output_bucket_when_there_is_one(serve: Serve, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="output/a", Body=b'{"instances": [[1, 2]]}', ContentType="application/json")
    events = [bundles.event("s3", prefix="", output_bucket="another-name")]
    function = serve(events=events, environment={"SLSDEPLOY_S3TRIGGER_OUTPUT_BUCKET": "results"})
    function(arrived("output/a"))
    assert (keys(s3), keys(s3, "results")) == (["output/a"], ["output/output/a.json"])


def test_a_result_never_triggers_a_result(serve: Serve, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="output/a.png.json", Body=b"{}")
    function = serve(events=[bundles.event("s3", prefix="", suffix=".png")])
    s3.put_object(Bucket=BUCKET, Key="output/a.png", Body=b"{}")
    assert function(arrived("output/a.png")) == {"written": [], "skipped": [f"s3://{BUCKET}/output/a.png"]}
    with pytest.raises(UnknownEvent):
        function(arrived("output/a.png.json"))
    assert keys(s3) == ["output/a.png", "output/a.png.json"]


def test_a_preprocess_gets_the_objects_bytes_and_where_they_are_from(serve: Serve, s3: Any) -> None:
    handler = """
import numpy as np

def preprocess(request):
    assert (request.source, request.content_type) == ("s3", "image/png")
    assert (request.meta["bucket"], request.meta["key"], request.meta["metadata"]) == ("flowers", "input/a.png", {"by": "me"})
    return {"x": np.frombuffer(request.data, np.uint8)[None]}

def postprocess(outputs):
    return {"y": outputs["y"][0]}
"""
    s3.put_object(Bucket=BUCKET, Key="input/a.png", Body=b"\x01\x02", ContentType="image/png", Metadata={"by": "me"})
    serve(events=[bundles.event("s3")], handler=handler)(arrived("input/a.png"))
    assert json.loads(s3.get_object(Bucket=BUCKET, Key="output/input/a.png.json")["Body"].read()) == {"y": [2.0, 4.0]}


@pytest.mark.parametrize(
    ("key", "body", "message"),
    [
        ("input/bad.json", b"{", "body: not JSON"),
        ("input/bad.json", b'{"instances": [["NaN", 1]]}', r"instances\[0\]\[0\]: found the text 'NaN'"),
        ("input/bad.png", b"\x89PNG", "body: found 4 bytes of binary/octet-stream, expected JSON"),
        ("input/absent.json", None, "NoSuchKey"),
    ],
)
def test_an_object_that_fails_writes_nothing_and_raises_after_the_others(
    serve: Serve, s3: Any, capsys: pytest.CaptureFixture[str], key: str, body: bytes | None, message: str
) -> None:
    if body is not None:
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    s3.put_object(Bucket=BUCKET, Key="input/good.json", Body=b'{"instances": [[1, 2]]}')
    with pytest.raises(ObjectsFailed, match=rf"1 of 2 failed; s3://flowers/{key}: .*{message}"):
        serve(events=[bundles.event("s3")])(arrived(key, "input/good.json"))
    assert [name for name in keys(s3) if name.startswith("output/")] == ["output/input/good.json.json"]
    output = capsys.readouterr().out
    assert [line["where"] for line in logs(output)] == [f"s3://flowers/{key}"]
    assert metrics(output)[0]["Errors"] == [1.0]


def test_objects_of_one_event_are_predicted_together(serve: Serve, s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"input/{index}.json" for index in range(3)]
    for index, name in enumerate(names):
        s3.put_object(Bucket=BUCKET, Key=name, Body=json.dumps({"instances": [[index, 1]]}).encode())
    serve(events=[bundles.event("s3")])(arrived(*names))
    result = s3.get_object(Bucket=BUCKET, Key="output/input/2.json.json")["Body"].read()
    assert json.loads(result) == {"predictions": [[4.0, 2.0]]}
    assert metrics(capsys.readouterr().out)[0]["BatchSize"] == [3.0]


@pytest.mark.parametrize("bucket", ["flowers", None])
def test_an_object_goes_to_the_trigger_of_its_bucket_and_prefix(serve: Serve, s3: Any, bucket: str | None) -> None:
    events = [
        bundles.event("s3", "S3Trigger", bucket="roses"),
        bundles.event("s3", "S3Trigger2", bucket=bucket, prefix="input/", suffix=".png", output_prefix="wrong/"),
        bundles.event("s3", "S3Trigger3", bucket=bucket, prefix="input/", suffix=".json", output_bucket="results"),
    ]
    s3.put_object(Bucket=BUCKET, Key="input/a.json", Body=b'{"instances": [[1, 2]]}')
    function = serve(events=events, environment={"SLSDEPLOY_S3TRIGGER3_OUTPUT_BUCKET": "results"})
    assert function(arrived("input/a.json"))["written"] == ["s3://results/output/input/a.json.json"]


@pytest.mark.parametrize("event", ["s3_via_sqs", "s3_via_sns", "s3_via_sns_and_sqs", "s3_via_eventbridge"])
def test_an_object_is_predicted_by_whichever_way_it_came(event: str, serve: Serve, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="input/my flower(1).json", Body=b'{"instances": [[1, 2]]}')
    answer = serve(events=[bundles.event("s3", via="sqs")])(recorded(event))
    assert answer["written"] == [f"s3://{BUCKET}/{RESULT}"]
    assert answer.get("batchItemFailures", []) == []
    assert keys(s3) == ["input/my flower(1).json", RESULT]


@pytest.mark.parametrize(
    ("event", "answer"),
    [
        ("s3_test_event", {"batchItemFailures": [], "written": [], "skipped": []}),
        ("s3_test_event_via_sns", {"written": [], "skipped": []}),
    ],
)
def test_what_s3_sends_to_try_is_ignored(event: str, answer: Any, serve: Serve, s3: Any) -> None:
    assert serve(events=[bundles.event("s3", via="sqs")])(recorded(event)) == answer
    assert keys(s3) == []


def test_of_a_queue_only_the_messages_that_failed_come_again(
    serve: Serve, s3: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    s3.put_object(Bucket=BUCKET, Key="input/good.json", Body=b'{"instances": [[1, 2]]}')
    s3.put_object(Bucket=BUCKET, Key="input/bad.json", Body=b'{"instances": [["a"]]}')
    event = recorded("s3_via_sqs")
    record = event["Records"][0]
    bodies = {
        "good": json.dumps(arrived("input/good.json")),
        "bad": json.dumps(arrived("input/bad.json")),
        "both": json.dumps(arrived("input/good.json", "input/bad.json")),
        "gone": json.dumps(arrived("input/gone.json")),
        "elsewhere": json.dumps(arrived("other/thing.json")),
        "text": "no JSON",
        "foreign": "{}",
    }
    event["Records"] = [{**record, "messageId": name, "body": body} for name, body in bodies.items()]
    answer = serve(events=[bundles.event("s3", via="sqs")])(event)
    failed = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
    assert sorted(failed) == ["bad", "both", "foreign", "gone", "text"]
    assert answer["written"] == [f"s3://{BUCKET}/output/input/good.json.json"]
    assert answer["skipped"] == [f"s3://{BUCKET}/other/thing.json"]
    assert "message text" in {line["where"] for line in logs(capsys.readouterr().out)}


def test_messages_of_its_own_queue_are_the_triggers_whatever_is_in_them(serve: Serve, s3: Any) -> None:
    arn = "arn:aws:sqs:eu-west-1:123456789012:flowers-arrived"
    function = serve(events=[bundles.event("s3", via="sqs")], environment={"SLSDEPLOY_S3TRIGGER_QUEUE_ARN": arn})
    event = recorded("s3_via_sqs")
    event["Records"] = [{**event["Records"][0], "body": "no JSON"}]
    assert function(event)["batchItemFailures"] == [{"itemIdentifier": event["Records"][0]["messageId"]}]
    event["Records"][0]["eventSourceARN"] = "arn:aws:sqs:eu-west-1:123456789012:other"
    with pytest.raises(UnknownEvent):
        function(event)
