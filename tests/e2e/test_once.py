"""`idempotent` on the local AWS: what is delivered twice, twice at once, or again after its process was killed, is answered once."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import urllib3

from tests.e2e.conftest import LocalAws
from tests.e2e.test_pushed import Deployed, Eventually, deploy

__all__ = ["deploy"]  # a fixture
pytestmark = pytest.mark.e2e

# Says what it predicts; a request may take its time.
HANDLER = """
import json, time
import numpy as np


def preprocess(request):
    print("ASKED " + json.dumps(request.data["name"]), flush=True)
    time.sleep(request.data.get("seconds", 0))
    return {"x": np.array([[1, 2]], dtype=np.float32)}
"""
SQS = 'timeout = 6\nidempotent = true\n[[trigger]]\ntype = "sqs"\noutput = "bucket"\n'
Deploy = Callable[..., Deployed]


def batch(made: Deployed, *requests: dict[str, Any]) -> dict[str, Any]:
    """Return a batch of messages of the project's queue; their ids are the requests' names."""
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": "0"}
    return {
        "Records": [
            {
                "messageId": each["name"],
                "receiptHandle": "r",
                "body": json.dumps(each),
                "attributes": attributes,
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": made.outputs["QueueArn"],
                "awsRegion": "us-east-1",
            }
            for each in requests
        ]
    }


def invoke(made: Deployed, event: Any) -> Any:
    """Call the function as a poller does; return its answer, or its error."""
    answer = made.aws.client("lambda").invoke(
        FunctionName=f"{made.name}-dev", Qualifier="live", Payload=json.dumps(event).encode()
    )
    return json.loads(answer["Payload"].read())


def answers(made: Deployed) -> list[str]:
    """Return the keys of the answers, and take them away."""
    s3, bucket = made.aws.client("s3"), made.outputs["OutputBucket"]
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    for key in keys:
        s3.delete_object(Bucket=bucket, Key=key)
    return keys


def processes(local_aws: LocalAws, made: Deployed) -> list[int]:
    described = urllib3.request("GET", f"{local_aws.endpoint}/_slsdeploy/status", timeout=10).json()["functions"]
    mine = [each for each in described if each["name"] == f"{made.name}-dev"]
    return [one["pid"] for each in mine for one in each["environments"] if one["pid"]]


def asked(made: Deployed, count: int) -> list[Any]:
    """Wait until the log says of so many predictions (it comes a moment later); return them."""
    deadline = time.monotonic() + 20
    while len(made.said("ASKED ")) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    return made.said("ASKED ")


def test_a_message_that_comes_twice_is_answered_once(deploy: Deploy, eventually: Eventually) -> None:
    made = deploy(SQS, HANDLER)
    event = batch(made, {"name": "a"}, {"name": "b"})
    assert invoke(made, event) == {"batchItemFailures": []}
    assert answers(made) == ["a.json", "b.json"]
    assert invoke(made, event) == {"batchItemFailures": []}
    assert invoke(made, batch(made, {"name": "b"}, {"name": "c"})) == {"batchItemFailures": []}
    assert answers(made) == ["c.json"]
    assert asked(made, 3) == ["a", "b", "c"]
    sent = made.aws.client("sqs").send_message(QueueUrl=made.outputs["QueueUrl"], MessageBody='{"name": "real"}')
    assert eventually(lambda: answers(made)) == [f"{sent['MessageId']}.json"]
    table = made.aws.client("dynamodb")
    assert len(table.scan(TableName=made.outputs["IdempotencyTable"])["Items"]) == 4
    told = table.describe_time_to_live(TableName=made.outputs["IdempotencyTable"])["TimeToLiveDescription"]
    assert (told["TimeToLiveStatus"], told["AttributeName"]) == ("ENABLED", "expiration")


def test_what_comes_twice_at_once_is_answered_once(deploy: Deploy) -> None:
    made = deploy(SQS, HANDLER)
    event = batch(made, {"name": "a", "seconds": 1}, {"name": "b"})
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: invoke(made, event), range(4)))
    assert found == [{"batchItemFailures": []}] * 4
    assert answers(made) == ["a.json", "b.json"]
    invoke(made, batch(made, {"name": "last"}))
    assert sorted(asked(made, 3)) == ["a", "b", "last"]


def test_after_its_process_was_killed_it_is_predicted_once_more(
    deploy: Deploy, local_aws: LocalAws, eventually: Eventually
) -> None:
    made = deploy(SQS, HANDLER)
    invoke(made, batch(made, {"name": "first"}))
    answers(made)
    event = batch(made, {"name": "a", "seconds": 2})
    with ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        killed: Future[Any] = pool.submit(invoke, made, event)
        eventually(lambda: "a" in asked(made, 0))
        for pid in processes(local_aws, made):
            os.kill(pid, signal.SIGKILL)
        assert "errorType" in killed.result(timeout=20)
    assert answers(made) == []
    tries = 0
    while invoke(made, event) != {"batchItemFailures": []}:  # a poller would wait, six timeouts
        tries += 1
        assert tries < 4
    assert time.monotonic() - began > 6  # its mark held as long as it might have gone on
    assert answers(made) == ["a.json"]
    invoke(made, event)
    assert answers(made) == []
    assert asked(made, 3) == ["first", "a", "a"]


def notification(made: Deployed, sequencer: str) -> dict[str, Any]:
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": {"name": made.outputs["Bucket"]},
            "object": {"key": "input/a.json", "size": 1, "eTag": "e", "sequencer": sequencer},
        },
    }
    return {"Records": [record]}


@pytest.mark.parametrize("via", ["direct", "eventbridge"])
def test_an_object_is_predicted_each_time_it_is_written_and_no_more(via: str, deploy: Deploy) -> None:
    made = deploy(f'idempotent = true\n[[trigger]]\ntype = "s3"\nvia = "{via}"\n', HANDLER)
    s3 = made.aws.client("s3")
    for count, name in enumerate(("one", "two", "two"), 1):  # the third time with the same content
        s3.put_object(Bucket=made.outputs["Bucket"], Key="input/a.json", Body=json.dumps({"name": name}).encode())
        assert len(asked(made, count)) == count
    assert asked(made, 3) == ["one", "two", "two"]
    first, again = (invoke(made, notification(made, "A1")) for _ in range(2))
    assert (len(first["written"]), again["written"]) == (1, [])
    assert len(asked(made, 4)) == 4


def test_an_event_that_is_told_twice_gets_the_same_answer(deploy: Deploy) -> None:
    made = deploy('idempotent = true\n[[trigger]]\ntype = "eventbridge"\n', HANDLER)
    event = {
        "id": "an-event",
        "source": "me",
        "detail-type": "Inference Request",
        "detail": {"name": "a"},
        "time": "2026-01-01T00:00:00Z",
    }
    assert invoke(made, event) == invoke(made, event) == {"outputs": {"y": [[2.0, 2.0]]}}
    invoke(made, {**event, "id": "another", "detail": {"name": "last"}})
    assert asked(made, 2) == ["a", "last"]


def test_down_takes_the_table_with_it(deploy: Deploy) -> None:
    from tests.e2e.test_pushed import slsdeploy

    made = deploy(SQS, HANDLER)
    invoke(made, batch(made, {"name": "a"}))
    answers(made)
    told = slsdeploy("down", str(made.folder), "--local")
    assert not [each for each in told["kept"] if "Idempotency" in each]
    assert made.outputs["IdempotencyTable"] not in made.aws.client("dynamodb").list_tables()["TableNames"]
