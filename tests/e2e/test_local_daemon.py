"""The local AWS as a background process: started, found, stopped, killed; always one, never half of one."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest

from slsdeploy.errors import ToolError
from slsdeploy.local import daemon, state
from tests.fakes import FakeReporter

pytestmark = pytest.mark.e2e


@pytest.fixture
def folder(own_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SLSDEPLOY_STATE_DIR", str(tmp_path / "state"))
    yield tmp_path / "state" / "local"
    daemon.stop()


def test_it_starts_once_and_is_found_again(folder: Path) -> None:
    reporter = FakeReporter()
    first = daemon.ensure(reporter)
    second = daemon.ensure(reporter)
    assert (first.started, second.started) == (True, False)
    assert (first.pid, first.endpoint) == (second.pid, second.endpoint)
    assert reporter.steps == ["start the local AWS"]
    assert daemon.find().pid == first.pid
    status = daemon.status()
    assert (status.running, status.pid, status.endpoint) == (True, first.pid, first.endpoint)
    assert any("IAM is recorded, not enforced" in limit for limit in status.limits)


def test_it_is_detached_and_on_loopback_only(folder: Path) -> None:
    local = daemon.start(None)
    process = psutil.Process(local.pid)
    assert os.getsid(local.pid) == local.pid != os.getsid(0)
    listening = [item.laddr.ip for item in process.net_connections("inet") if item.status == psutil.CONN_LISTEN]
    assert set(listening) == {"127.0.0.1"}
    assert oct(folder.stat().st_mode)[-3:] == "700"


def test_stopping_ends_the_process_and_what_it_left(folder: Path) -> None:
    assert daemon.stop() is False
    local = daemon.start(None)
    assert daemon.status().regions == ()
    run_function(local.endpoint)
    create_function(local.endpoint, "eu-west-1")
    assert daemon.status().regions == ("eu-west-1", "us-east-1")
    processes = psutil.Process(local.pid).children(recursive=True)
    assert processes
    assert daemon.stop() is True
    assert not psutil.pid_exists(local.pid)
    assert not any(process.is_running() for process in processes)
    assert not list(folder.glob("run-*")) and not (folder / "state.json").exists()
    assert daemon.status() == daemon.Status(running=False)
    with pytest.raises(ToolError, match="is not running"):
        daemon.find()


def test_one_that_dies_while_it_is_stopped_is_no_error() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait(20)
    daemon._end(gone.pid)


def test_two_at_once_start_one(folder: Path) -> None:
    found: list[daemon.Local] = []
    threads = [threading.Thread(target=lambda: found.append(daemon.ensure(FakeReporter()))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({local.pid for local in found}) == 1
    assert sorted(local.started for local in found) == [False, False, True]


def test_killed_it_is_started_anew_with_nothing_left(folder: Path, eventually: Callable[..., Any]) -> None:
    first = daemon.start(None)
    client(first.endpoint, "sqs").create_queue(QueueName="left")
    run_function(first.endpoint)
    children = psutil.Process(first.pid).children(recursive=True)
    assert children
    os.kill(first.pid, signal.SIGKILL)
    second = daemon.ensure(FakeReporter())
    assert second.pid != first.pid and second.started
    assert not client(second.endpoint, "sqs").list_queues().get("QueueUrls")
    assert [path.name for path in folder.glob("run-*")] == [f"run-{second.pid}"]
    eventually(lambda: not any(child.is_running() for child in children))


def test_killed_in_the_middle_of_a_deployment_it_starts_clean(folder: Path, eventually: Callable[..., Any]) -> None:
    first = daemon.start(None)
    template = {"Resources": {f"Q{number}": {"Type": "AWS::SQS::Queue", "Properties": {}} for number in range(200)}}
    formation = client(first.endpoint, "cloudformation")
    queues = client(first.endpoint, "sqs")
    formation.create_stack(StackName="cut", TemplateBody=json.dumps(template))
    eventually(lambda: queues.list_queues().get("QueueUrls"))
    status = formation.describe_stacks(StackName="cut")["Stacks"][0]["StackStatus"]
    made = len(queues.list_queues()["QueueUrls"])
    os.kill(first.pid, signal.SIGKILL)
    # With most of its queues still to come, it was not done before the signal came.
    assert status == "CREATE_IN_PROGRESS" and 0 < made < 150, (status, made)
    second = daemon.ensure(FakeReporter())
    formation = client(second.endpoint, "cloudformation")
    assert formation.describe_stacks()["Stacks"] == []
    assert not client(second.endpoint, "sqs").list_queues().get("QueueUrls")
    template = {"Resources": {"Q0": template["Resources"]["Q0"]}}
    formation.create_stack(StackName="cut", TemplateBody=json.dumps(template))
    formation.get_waiter("stack_create_complete").wait(StackName="cut", WaiterConfig={"Delay": 1})


@pytest.mark.parametrize(
    "left", ['{"pid": 1, "create_time": 1.0, "endpoint": "http://127.0.0.1:9"}', "not json", "{}", ""]
)
def test_a_stale_state_file_is_not_believed(folder: Path, left: str) -> None:
    folder.mkdir(parents=True)
    (folder / "state.json").write_text(left)
    assert daemon.status().running is False
    assert not (folder / "state.json").exists()
    assert daemon.stop() is False


def test_a_pid_that_another_process_has_by_now_is_left_alone(folder: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        folder.mkdir(parents=True)
        (folder / "alive").write_text("")
        (folder / "state.json").write_text(
            json.dumps({"pid": other.pid, "create_time": 1.0, "endpoint": "http://127.0.0.1:9"})
        )
        assert daemon.stop() is False
        assert daemon.ensure(FakeReporter()).started
        assert other.poll() is None
        other.kill()


def test_a_taken_port_names_the_process_that_has_it(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ToolError, match=rf"port {port} is taken by .*\(pid {os.getpid()}\)") as raised:
            daemon.start(port)
        assert f"--port {port + 1}" in raised.value.hint
    assert daemon.status().running is False


def test_it_takes_the_port_it_is_told_and_keeps_it(folder: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    local = daemon.start(port)
    assert local.endpoint == f"http://127.0.0.1:{port}"
    assert daemon.start(port).started is False
    with pytest.raises(ToolError, match="runs already, on"):
        daemon.start(port + 1)


def test_one_that_cannot_start_shows_the_end_of_its_log(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "broken" / "moto"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('this moto is broken')")
    monkeypatch.setenv("PYTHONPATH", str(broken.parent))
    began = time.monotonic()
    with pytest.raises(ToolError, match="this moto is broken") as raised:
        daemon.start(None)
    assert "exit code 1" in raised.value.message
    assert raised.value.where == str(state.log_file())
    assert time.monotonic() - began < 20


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SLSDEPLOY_STATE_DIR", str(tmp_path / "file"))
    with pytest.raises(ToolError, match="cannot keep its state"):
        daemon.start(None)


def test_the_users_aws_settings_do_not_reach_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9")
    endpoint = daemon.start(None).endpoint
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS"):
        monkeypatch.delenv(name)
    template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
    formation = client(endpoint, "cloudformation")
    formation.create_stack(StackName="mine", TemplateBody=json.dumps(template))
    formation.get_waiter("stack_create_complete").wait(StackName="mine", WaiterConfig={"Delay": 1})


def run_function(endpoint: str) -> None:
    """Create a function and call it, so that it has a process of its own."""
    create_function(endpoint, "us-east-1")
    answer = client(endpoint, "lambda").invoke(FunctionName="fn", Payload=b'{"a": 1}')
    assert json.loads(answer["Payload"].read()) == {"a": 1}, answer


def create_function(endpoint: str, region: str) -> None:
    trust = {
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    }
    given = {"RoleName": f"role-{region}", "AssumeRolePolicyDocument": json.dumps(trust)}
    role = client(endpoint, "iam").create_role(**given)["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return event\n")
    settings = {"FunctionName": "fn", "Role": role, "Handler": "app.handler", "Runtime": "python3.13", "Timeout": 30}
    client(endpoint, "lambda", region).create_function(**settings, Code={"ZipFile": code.getvalue()})


def client(endpoint: str, service: str, region: str = "us-east-1") -> Any:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, region_name=region, endpoint_url=endpoint, **keys)


def test_what_the_start_does_not_need_is_not_waited_for() -> None:
    code = "import sys, slsdeploy.local.server, slsdeploy.local.functions, slsdeploy.local.mends; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(done.stdout.split())
    assert "moto.awslambda.models" in loaded
    assert not {"aiohttp", "onnx", "onnxruntime", "numpy", "typer", "samtranslator", "moto.s3.responses"} & loaded
