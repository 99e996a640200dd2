"""Functions that end, crash or hang in the middle of a record, on the local AWS: each record is answered, or kept to be looked at."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import psutil
import pytest

from slsdeploy.local.functions.logs import GROUP_BYTES
from tests.building import save_model
from tests.e2e.conftest import LocalAws
from tests.e2e.local_lambda import RUNTIME, zipped
from tests.e2e.test_pushed import slsdeploy

Eventually = Callable[[Callable[[], Any]], Any]
TOML = """
name = "{name}"
model = "model.onnx"
timeout = 2

[[trigger]]
type = "sqs"
maximum_batching_window_in_seconds = 1
max_receive_count = 2

[[trigger]]
type = "kinesis"
shard_count = 1
maximum_retry_attempts = 1

[[trigger]]
type = "sns"
"""
# does what the request says
HANDLER = """
import ctypes, os, signal, time
import numpy as np

DO = {
    "leave": lambda: os._exit(3),
    "crash": lambda: ctypes.string_at(0),
    "hang": lambda: time.sleep(60),
    "fork": os.fork,
    "answer": lambda: None,
}

def preprocess(request):
    DO[request.data["do"]]()
    return {"x": np.ones((1, 2), np.float32)}
"""
ENDS = ("leave", "crash", "hang")
pytestmark = pytest.mark.e2e


class Desk:
    """A deployed project, and what its queues hold: whatever was ever found there."""

    def __init__(self, aws: LocalAws, outputs: dict[str, str], group: str) -> None:
        self.aws, self.outputs, self.group = aws, outputs, group
        self.found: dict[str, list[Any]] = {}

    def in_queue(self, output: str) -> list[Any]:
        """Return the bodies of all messages that came to a queue so far."""
        sqs, url, found = self.aws.client("sqs"), self.outputs[output], self.found.setdefault(output, [])
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", ()):
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def log(self) -> str:
        pages = self.aws.client("logs").get_paginator("filter_log_events").paginate(logGroupName=self.group)
        return "".join(event["message"] for page in pages for event in page["events"])


@pytest.fixture(scope="module")
def desk(local_aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    name = local_aws.name("luckless")
    folder = tmp_path_factory.mktemp("bad-luck") / name
    folder.mkdir()
    save_model(folder / "model.onnx", factor=2.0)
    (folder / "slsdeploy.toml").write_text(TOML.format(name=name))
    (folder / "handler.py").write_text(HANDLER)
    up = slsdeploy("up", str(folder), "--local")
    # a record that fails comes again soon, not after six times the function's timeout
    queue = {"QueueUrl": up["outputs"]["QueueUrl"], "Attributes": {"VisibilityTimeout": "3"}}
    local_aws.client("sqs").set_queue_attributes(**queue)
    return Desk(local_aws, up["outputs"], f"/aws/lambda/{up['function_name']}")


def test_every_record_is_answered_or_kept_and_the_log_says_why(desk: Desk, eventually: Eventually) -> None:
    sqs, kinesis, sns = (desk.aws.client(service) for service in ("sqs", "kinesis", "sns"))
    asked = ["answer", *ENDS, "answer"]
    bodies = [json.dumps({"do": what}) for what in asked]
    sent = {}
    for number, body in enumerate(bodies):
        message = sqs.send_message(QueueUrl=desk.outputs["QueueUrl"], MessageBody=body)
        sent[message["MessageId"]] = number
    stream = desk.outputs["StreamArn"]
    kinesis.put_records(StreamARN=stream, Records=[{"Data": body.encode(), "PartitionKey": "a"} for body in bodies])
    for body in bodies:
        sns.publish(TopicArn=desk.outputs["TopicArn"], Message=body)

    answers, dead = partial(desk.in_queue, "OutputQueueUrl"), partial(desk.in_queue, "DeadLetterQueueUrl")
    # of a queue: a batch that ends its process comes back whole, so that good ones of it may be given up with it
    eventually(lambda: len(answers()) + len(dead()) >= len(bodies))
    given_up = [each["do"] for each in dead()]
    assert set(ENDS) <= set(given_up)
    assert sorted([*given_up, *(asked[sent[each["message_id"]]] for each in answers())]) == sorted(asked)
    # of a stream: a batch is split until the poison record is alone
    eventually(lambda: len(desk.in_queue("FailedRecordsQueueUrl")) >= len(ENDS))
    eventually(lambda: len(desk.in_queue("KinesisTriggerOutputQueueUrl")) >= len(asked) - len(ENDS))
    # of a topic: an event fails alone, three times
    eventually(lambda: len(desk.in_queue("FailedEventsQueueUrl")) >= len(ENDS))
    kept = [json.loads(each["Records"][0]["Sns"]["Message"])["do"] for each in desk.in_queue("FailedEventsQueueUrl")]
    assert sorted(kept) == sorted(ENDS)
    log = desk.log()
    assert "Error Type: Runtime.ExitError" in log and "Task timed out after 2.00 seconds" in log
    last = sqs.send_message(QueueUrl=desk.outputs["QueueUrl"], MessageBody=bodies[0])["MessageId"]
    eventually(lambda: last in [each["message_id"] for each in answers()])


def test_a_function_that_forks_answers_once(desk: Desk, eventually: Eventually) -> None:
    sqs = desk.aws.client("sqs")
    ids = {
        sqs.send_message(QueueUrl=desk.outputs["QueueUrl"], MessageBody='{"do": "fork"}')["MessageId"] for _ in range(5)
    }

    def answered() -> list[str]:
        return [each["message_id"] for each in desk.in_queue("OutputQueueUrl") if each["message_id"] in ids]

    eventually(lambda: len(answered()) >= len(ids))
    time.sleep(1)
    assert sorted(answered()) == sorted(ids)


def test_a_gigabyte_of_logs_ends_with_its_answer_and_costs_no_memory(
    local_aws: LocalAws, eventually: Eventually
) -> None:
    code = """
def handler(event, context):
    line = "x" * 1023 + "\\n"
    for _ in range(event["lines"]):
        print(line, end="")
    print("the end")
    return "said"
"""
    name = local_aws.name("talker")
    functions, iam = local_aws.client("lambda"), local_aws.client("iam")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    functions.create_function(
        FunctionName=name,
        Runtime=RUNTIME,
        Role=role,
        Handler="app.handler",
        Timeout=120,
        Code={"ZipFile": zipped({"app.py": code})},
    )
    ask = {"FunctionName": name, "LogType": "Tail"}
    assert functions.invoke(**ask, Payload=b'{"lines": 1}')["Payload"].read() == b'"said"'
    daemon = psutil.Process(local_aws.pid)
    before = daemon.memory_info().rss
    answer = functions.invoke(**ask, Payload=json.dumps({"lines": 1 << 20}).encode())
    assert answer["Payload"].read() == b'"said"'
    assert daemon.memory_info().rss - before < GROUP_BYTES
    eventually(lambda: "the end\n" in Desk(local_aws, {}, f"/aws/lambda/{name}").log()[-2000:])
    assert functions.invoke(**ask, Payload=b'{"lines": 1}')["Payload"].read() == b'"said"'


TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
