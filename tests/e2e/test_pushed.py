"""Event sources that push, on the local AWS: what is published, put, scheduled or started reaches the function, and is predicted."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.building import save_model
from tests.e2e.conftest import LocalAws

pytestmark = pytest.mark.e2e

Eventually = Callable[[Callable[[], Any]], Any]
REQUEST = {"instances": [[1.5, 2.0]]}

# Says in the log what was predicted for which request: nobody waits for the answers of these sources.
HANDLER = """
import json
from slsdeploy_runtime.forms import read
from slsdeploy_runtime import get_model


def preprocess(request):
    print("ASKED " + json.dumps({"source": request.source, "meta": request.meta}, default=str))
    return read(request.data, get_model()).inputs


def postprocess(outputs):
    answer = {"predictions": outputs["y"].tolist()}
    print("PREDICTED " + json.dumps(answer))
    return answer
"""


class Deployed:
    """A project on the local AWS."""

    def __init__(self, aws: LocalAws, folder: Path, name: str, outputs: dict[str, str]) -> None:
        self.aws, self.folder, self.name, self.outputs = aws, folder, name, outputs

    def said(self, word: str) -> list[dict[str, Any]]:
        """Return what its function printed behind a word."""
        logs = self.aws.client("logs")
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{self.name}-dev")
        lines = [event["message"] for page in pages for event in page["events"]]
        return [json.loads(line.removeprefix(word)) for line in lines if line.startswith(word)]

    def failed(self) -> list[dict[str, Any]]:
        """Return the failed events that were kept."""
        url = self.outputs["FailedEventsQueueUrl"]
        return list(self.aws.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []))


@pytest.fixture
def deploy(local_aws: LocalAws, tmp_path: Path) -> Callable[..., Deployed]:
    def make(triggers: str, handler: str | None = HANDLER, **files: str) -> Deployed:
        name = local_aws.name("pushed").replace("_", "-")
        folder = tmp_path / name
        folder.mkdir()
        save_model(folder / "model.onnx", factor=2.0)
        (folder / "slsdeploy.toml").write_text(
            f'name = "{name}"\nmodel = "model.onnx"\n' + textwrap.dedent(triggers), encoding="utf-8"
        )
        if handler:
            (folder / "handler.py").write_text(handler, encoding="utf-8")
        for file, text in files.items():
            (folder / file.replace("__", ".")).write_text(text, encoding="utf-8")
        return Deployed(local_aws, folder, name, slsdeploy("up", str(folder), "--local")["outputs"])

    return make


def slsdeploy(*words: str, code: int = 0) -> dict[str, Any]:
    argv = [sys.executable, "-m", "slsdeploy", *words, "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == code, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


def test_what_is_published_to_a_topic_is_predicted(deploy: Callable[..., Deployed], eventually: Eventually) -> None:
    made = deploy('[[trigger]]\ntype = "sns"\nfilter_policy = {kind = ["row"]}\n')
    sns = made.aws.client("sns")
    kind = {"kind": {"DataType": "String", "StringValue": "row"}}
    sns.publish(TopicArn=made.outputs["TopicArn"], Message="not for us")
    sent = sns.publish(
        TopicArn=made.outputs["TopicArn"], Subject="a row", Message=json.dumps(REQUEST), MessageAttributes=kind
    )
    assert eventually(lambda: made.said("PREDICTED ")) == [{"predictions": [[3.0, 2.0]]}]
    (asked,) = made.said("ASKED ")
    meta = asked["meta"]
    assert (asked["source"], meta["message_id"], meta["subject"]) == ("sns", sent["MessageId"], "a row")
    assert (meta["topic"], meta["attributes"]) == (made.outputs["TopicArn"], {"kind": "row"})
    sampled = slsdeploy("invoke", str(made.folder), "--local", "--sample", "sns")
    assert len(sampled["payload"]["answers"]) == 1


def test_a_notification_that_fails_is_tried_again_and_kept(
    deploy: Callable[..., Deployed], eventually: Eventually
) -> None:
    made = deploy('[[trigger]]\ntype = "sns"\n')
    made.aws.client("sns").publish(TopicArn=made.outputs["TopicArn"], Message='{"instances": [["a"]]}')
    (message,) = eventually(made.failed)
    assert json.loads(message["Body"])["Records"][0]["Sns"]["Message"] == '{"instances": [["a"]]}'
    eventually(lambda: len(made.said("ASKED ")) == 3)


def test_what_is_put_on_the_default_bus_is_predicted(deploy: Callable[..., Deployed], eventually: Eventually) -> None:
    made = deploy(
        '[[trigger]]\ntype = "eventbridge"\npattern = {source = ["com.flowers"], detail = {kind = ["row"]}}\n'
    )
    events = made.aws.client("events")
    other = {"Source": "com.flowers", "DetailType": "a row", "Detail": json.dumps({**REQUEST, "kind": "other"})}
    mine = {**other, "Detail": json.dumps({**REQUEST, "kind": "row"})}
    answer = events.put_events(Entries=[other, mine])
    assert eventually(lambda: made.said("PREDICTED ")) == [{"predictions": [[3.0, 2.0]]}]
    (asked,) = made.said("ASKED ")
    assert (asked["source"], asked["meta"]["id"]) == ("eventbridge", answer["Entries"][1]["EventId"])
    assert (asked["meta"]["source"], asked["meta"]["detail_type"]) == ("com.flowers", "a row")


def test_a_bus_of_ones_own_and_a_path(deploy: Callable[..., Deployed], eventually: Eventually) -> None:
    made = deploy('[[trigger]]\ntype = "eventbridge"\nbus = "flowers"\ninput_path = "$.detail.request"\n')
    entry = {"Source": "me", "DetailType": "Inference Request", "EventBusName": made.outputs["EventBus"]}
    put = made.aws.client("events").put_events
    put(Entries=[{**entry, "Detail": json.dumps({"request": REQUEST})}])
    assert eventually(lambda: made.said("PREDICTED ")) == [{"predictions": [[3.0, 2.0]]}]
    put(Entries=[{**entry, "Detail": json.dumps(REQUEST)}])  # nothing under that path
    (message,) = eventually(made.failed)
    assert json.loads(message["Body"])["detail"] == REQUEST


def test_a_schedule_sends_its_request(deploy: Callable[..., Deployed], eventually: Eventually) -> None:
    made = deploy('[[trigger]]\ntype = "schedule"\nexpression = "rate(1 hour)"\ninput = {instances = [[1.5, 2.0]]}\n')
    scheduler = made.aws.client("scheduler")
    names = [each["Name"] for each in scheduler.list_schedules()["Schedules"]]
    (found,) = [scheduler.get_schedule(Name=name) for name in names if name.startswith(made.name)]
    assert found["ScheduleExpression"] == "rate(1 hour)"
    assert made.said("ASKED ") == []
    soon = datetime.now(UTC) + timedelta(seconds=2)  # nobody waits for an hour
    kept = {name: found[name] for name in ("Name", "FlexibleTimeWindow", "Target")}
    scheduler.update_schedule(**kept, ScheduleExpression=f"at({soon:%Y-%m-%dT%H:%M:%S})")
    assert eventually(lambda: made.said("PREDICTED ")) == [{"predictions": [[3.0, 2.0]]}]
    (asked,) = made.said("ASKED ")
    assert (asked["source"], asked["meta"]["source"]) == ("schedule", "aws.scheduler")
    assert asked["meta"]["resources"][0].startswith("arn:aws:scheduler:us-east-1:123456789012:schedule/default/")


def test_a_state_machine_asks_the_model_and_catches_bad_input(
    deploy: Callable[..., Deployed], eventually: Eventually
) -> None:
    made = deploy('[[trigger]]\ntype = "stepfunctions"\n', handler=None)
    steps = made.aws.client("stepfunctions")

    def run(request: Any) -> dict[str, Any]:
        arn = steps.start_execution(stateMachineArn=made.outputs["StateMachineArn"], input=json.dumps(request))
        return dict(
            eventually(
                lambda: (
                    found
                    if (found := steps.describe_execution(executionArn=arn["executionArn"]))["status"] != "RUNNING"
                    else None
                )
            )
        )

    done = run(REQUEST)
    assert (done["status"], json.loads(done["output"])) == ("SUCCEEDED", {"predictions": [[3.0, 2.0]]})
    failed = run({"instances": [["a"]]})
    assert (failed["status"], failed["error"]) == ("FAILED", "BadInput")
    assert "found the text 'a', expected numbers" in failed["cause"]


def test_a_definition_of_ones_own_catches_bad_input_by_name(
    deploy: Callable[..., Deployed], eventually: Eventually
) -> None:
    predict = {
        "Type": "Task",
        "Resource": "${Function}",
        "Catch": [{"ErrorEquals": ["BadInput"], "ResultPath": "$.error", "Next": "Refused"}],
        "End": True,
    }
    refused = {"Type": "Pass", "Result": {"refused": True}, "End": True}
    definition = {"StartAt": "Predict", "States": {"Predict": predict, "Refused": refused}}
    made = deploy(
        '[[trigger]]\ntype = "stepfunctions"\ndefinition = "mine.asl.json"\nplain_events = "raise"\n',
        handler=None,
        mine__asl__json=json.dumps(definition),
    )
    steps = made.aws.client("stepfunctions")
    arn = steps.start_execution(stateMachineArn=made.outputs["StateMachineArn"], input="{}")["executionArn"]
    output = eventually(lambda: steps.describe_execution(executionArn=arn).get("output"))
    assert json.loads(output) == {"refused": True}


@pytest.mark.parametrize("via", ["sqs", "sns", "eventbridge"])
def test_an_object_arrives_by_way_of(via: str, deploy: Callable[..., Deployed], eventually: Eventually) -> None:
    made = deploy(f'[[trigger]]\ntype = "s3"\nvia = "{via}"\nsuffix = ".json"\n', handler=None)
    s3, bucket = made.aws.client("s3"), made.outputs["Bucket"]
    s3.put_object(Bucket=bucket, Key="input/not this.txt", Body=b"no")
    s3.put_object(Bucket=bucket, Key="input/a row(1).json", Body=json.dumps(REQUEST).encode())

    def results() -> list[str]:
        return [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix="output/").get("Contents", ())]

    assert eventually(results) == ["output/input/a row(1).json.json"]
    written = s3.get_object(Bucket=bucket, Key="output/input/a row(1).json.json")["Body"].read()
    assert json.loads(written) == {"predictions": [[3.0, 2.0]]}
    sampled = slsdeploy("invoke", str(made.folder), "--local", "--sample", "s3")
    assert sampled["payload"]["written"] == [f"s3://{bucket}/output/input/sample.json.json"]


def test_an_api_of_graphql_is_recorded(deploy: Callable[..., Deployed]) -> None:
    made = deploy('[[trigger]]\ntype = "appsync"\nauth = "api_key"\n', handler=None)
    api = made.aws.client("appsync").get_graphql_api(apiId=made.outputs["GraphQLApiId"])["graphqlApi"]
    assert api["authenticationType"] == "API_KEY"
    sampled = slsdeploy("invoke", str(made.folder), "--local", "--sample", "appsync")
    assert sampled["payload"] == {"y": [[0.0, pytest.approx(0.1)]]}
    slsdeploy("down", str(made.folder), "--local")
