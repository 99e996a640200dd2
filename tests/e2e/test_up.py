"""`up` on the local AWS with the real client: what is called, what is sent again, what is put back, what is kept."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from slsdeploy import app, invoking
from slsdeploy.app import Where
from slsdeploy.effects.aws import Aws
from slsdeploy.effects.shell import SystemShell
from slsdeploy.errors import DeployError
from slsdeploy.interpreters import find_interpreter
from slsdeploy.results.deploy import Downed, Upped
from slsdeploy.tools import Tools
from tests.fakes import FakeRegistry, FakeReporter

SAMPLES = Path(__file__).parents[2] / "samples"
READS = ("Describe", "Get", "List", "Head", "Invoke")
pytestmark = pytest.mark.e2e


class Desk:
    """A copy of samples/iris under a name of its own, the local AWS, and every call that was made to it."""

    def __init__(self, root: Path, endpoint: str) -> None:
        self.root = root
        self.calls: list[str] = []
        self.reporter = FakeReporter()
        self.tools = Tools(
            SystemShell(), self.reporter, lambda _: Aws(None, endpoint, on_call=self.calls.append), FakeRegistry()
        )

    def up(self, **overrides: object) -> Upped:
        self.calls.clear()
        return app.up(Where(self.root, local=True, overrides=overrides), self.tools)

    def ask(self, event: str = '{"instances": [[7.0, 3.2, 4.7, 1.4]]}', **given: Any) -> Any:
        return invoking.invoke(Where(self.root, local=True), self.tools, event.encode(), **given)

    def down(self, **given: Any) -> Downed:
        return app.down(Where(self.root, local=True), self.tools, **given)

    @property
    def writes(self) -> list[str]:
        return [call for call in self.calls if not call.partition(":")[2].startswith(READS)]


@pytest.fixture
def desk(local_aws: Any, tmp_path: Path) -> Desk:
    root = tmp_path / "iris"
    shutil.copytree(SAMPLES / "iris", root, ignore=shutil.ignore_patterns(".slsdeploy"))
    text = (root / "slsdeploy.toml").read_text().replace('"iris"', f'"{local_aws.name("iris")}"')
    (root / "slsdeploy.toml").write_text(text)
    return Desk(root, local_aws.endpoint)


def test_nothing_to_do_makes_no_call_that_changes_anything(desk: Desk) -> None:
    assert desk.up().changed
    assert "cloudformation:ExecuteChangeSet" in desk.writes
    again = desk.up()
    assert (again.changed, again.uploaded_bytes, desk.writes) == (False, 0, [])
    assert desk.calls  # it did look


def test_a_line_of_the_handler_sends_only_the_code_and_answers_differently(desk: Desk) -> None:
    (desk.root / "handler.py").write_text("def postprocess(outputs):\n    return {'was': 1}\n")
    first = desk.up()
    assert desk.ask().payload == {"was": 1}
    (desk.root / "handler.py").write_text("def postprocess(outputs):\n    return {'was': 2}\n")
    second = desk.up()
    assert [call for call in desk.writes if call.startswith("s3:")] == ["s3:PutObject"]
    assert "lambda:PublishLayerVersion" not in desk.writes
    assert 0 < second.uploaded_bytes < 10_000
    assert (desk.ask().payload, int(second.version)) == ({"was": 2}, int(first.version) + 1)


def test_a_setting_alone_publishes_a_version(desk: Desk) -> None:
    first = desk.up()
    second = desk.up(memory=512)
    assert (second.uploaded_bytes, int(second.version)) == (0, int(first.version) + 1)


def test_one_zip_serves_as_well(desk: Desk) -> None:
    result = desk.up(package="zip")
    assert (result.package, [call for call in desk.writes if call == "s3:PutObject"]) == ("zip", [])  # in parts
    assert desk.ask(over_url=True).payload["predictions"][0]["label"] == "versicolor"


def test_a_failed_update_is_put_back_and_the_same_bundle_deploys_afterwards(desk: Desk, local_aws: Any) -> None:
    desk.up()
    taken = local_aws.name("taken-queue")
    elsewhere = {"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": taken}}}}
    local_aws.deploy(local_aws.name("other"), elsewhere)
    good = (desk.root / "slsdeploy.toml").read_text()
    (desk.root / "slsdeploy.toml").write_text(good + f'\n[[trigger]]\ntype = "sqs"\nqueue = "{taken}"\n')
    with pytest.raises(DeployError, match=r"^SqsTriggerQueue \(AWS::SQS::Queue\) failed: ") as caught:
        desk.up()
    assert caught.value.exit_code == 6
    assert desk.ask().payload["predictions"][0]["label"] == "versicolor"
    (desk.root / "slsdeploy.toml").write_text(
        good.replace('type = "http"', 'type = "http"\n\n[[trigger]]\ntype = "sqs"')
    )
    assert desk.up().changed


def test_down_keeps_what_is_in_a_bucket_and_up_takes_it_back(desk: Desk, local_aws: Any) -> None:
    bucket = local_aws.name("photos")
    toml = desk.root / "slsdeploy.toml"
    toml.write_text(toml.read_text().replace('type = "http"', f'type = "s3"\nbucket = "{bucket}"'))
    desk.up()
    s3 = local_aws.client("s3")
    s3.put_object(Bucket=bucket, Key="kept.txt", Body=b"kept")
    assert desk.down().kept == [bucket]
    assert desk.up().changed
    assert s3.get_object(Bucket=bucket, Key="kept.txt")["Body"].read() == b"kept"
    assert desk.down(delete_data=True).kept == []
    assert bucket not in [each["Name"] for each in s3.list_buckets()["Buckets"]]
    assert not desk.down().removed


def test_a_queue_that_down_kept_is_not_taken_back_but_used_by_its_arn(desk: Desk, local_aws: Any) -> None:
    name = local_aws.name("rows")
    toml = desk.root / "slsdeploy.toml"
    http = toml.read_text()
    toml.write_text(http.replace('type = "http"', f'type = "sqs"\nqueue = "{name}"'))
    url, arn = (desk.up().outputs[key] for key in ("DeadLetterQueueUrl", "QueueArn"))
    sqs = local_aws.client("sqs")
    sqs.send_message(QueueUrl=url, MessageBody="a message that failed")
    assert desk.down().kept == [url]
    with pytest.raises(
        DeployError, match=r"^SqsTriggerDeadLetters \(AWS::SQS::Queue\) failed: .*already exists"
    ) as caught:
        desk.up()
    assert "CloudFormation cannot take one back: use it by its ARN" in caught.value.hint
    assert caught.value.exit_code == 6
    kept = f"{arn}-dead-letters"
    toml.write_text(http.replace('type = "http"', f'type = "sqs"\nqueue = "{kept}"'))
    outputs = desk.up().outputs
    assert (outputs["QueueArn"], "QueueUrl" in outputs) == (kept, False)
    sqs.send_message(QueueUrl=url, MessageBody='{"instances": [[7.0, 3.2, 4.7, 1.4]]}')
    (answer,) = sqs.receive_message(QueueUrl=outputs["OutputQueueUrl"], WaitTimeSeconds=20)["Messages"]
    assert json.loads(answer["Body"])["predictions"][0]["label"] == "versicolor"
    assert url in desk.down().kept  # with the message that failed in it


def test_a_public_url_answers_anyone_and_a_private_one_does_not(desk: Desk) -> None:
    import urllib3

    body = json.dumps({"instances": [[7.0, 3.2, 4.7, 1.4]]})
    private = urllib3.request("POST", desk.up().url + "predict", body=body)
    assert (private.status, private.json()) == (403, {"Message": "Forbidden"})
    toml = desk.root / "slsdeploy.toml"
    toml.write_text(toml.read_text() + 'auth = "none"\n')
    public = urllib3.request("POST", desk.up().url + "predict", body=body, headers={"content-type": "application/json"})
    assert (public.status, public.json()["predictions"][0]["label"]) == (200, "versicolor")


def test_without_its_python_the_function_runs_on_the_hosts(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYENV_ROOT", "/nonexistent")
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", "/nonexistent")
    absent = [minor for minor in ("3.12", "3.13", "3.14") if find_interpreter(minor, SystemShell()) is None]
    if not absent:
        pytest.skip("every Python that Lambda has is installed here")
    desk.up(python=absent[0])
    host = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert any(f"on Python {host} (no Python {absent[0]} was found)" in note for note in desk.reporter.notes)
    assert desk.ask().payload["predictions"][0]["label"] == "versicolor"


def test_the_commands_agree_with_their_json(desk: Desk, local_aws: Any) -> None:
    def run(*words: str) -> Any:
        argv = [sys.executable, "-m", "slsdeploy", *words, str(desk.root), "--local", "--json"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120, env=dict(os.environ))
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    upped = run("up")
    assert {"name", "stage", "target", "stack", "function_name", "function_arn", "alias", "version", "url"} <= set(
        upped
    )
    assert {"package", "bundle_digest", "changed", "uploaded_bytes", "outputs", "seconds"} <= set(upped)
    assert set(upped["seconds"]) == {"build", "publish", "deploy", "total"}
    stated = run("status")
    assert (stated["bundle_digest"], stated["version"], stated["url"]) == (upped["bundle_digest"], "1", upped["url"])
    assert set(run("plan")) == {"changed", "steps", "resources", "digest"}
    invoked = run("invoke")
    assert set(invoked) == {"status_code", "payload", "cold_start", "duration_ms", "init_ms", "error"}
    assert any("REPORT" in event["message"] for event in run("logs")["events"])
    assert run("down")["removed"]
