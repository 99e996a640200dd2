"""Models that do not ship, on the local AWS: put, pinned, fetched by a function that really runs, also with bad luck; mounted."""

from __future__ import annotations

import json
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from slsdeploy import app, invoking
from slsdeploy.app import Where
from slsdeploy.effects.aws import Aws
from slsdeploy.effects.shell import SystemShell
from slsdeploy.errors import DeployError, ProjectError
from slsdeploy.local.functions.sandbox import Sandbox
from slsdeploy.tools import Tools
from tests.building import save_model
from tests.e2e.local_lambda import local_lambda
from tests.fakes import FakeRegistry, FakeReporter
from tests.runtime import s3_server
from tests.runtime.s3_server import S3

pytestmark = pytest.mark.e2e
ARN = "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0123456789abcdef0"


class Desk:
    """A project of that name whose model is where its configuration says, and the local AWS."""

    def __init__(self, root: Path, local_aws: Any, rest: str) -> None:
        root.mkdir()
        self.name = local_aws.name("remote")
        self.bucket = f"{self.name}-weights"
        self.s3 = local_aws.client("s3")
        self.logs = local_aws.client("logs")
        self.root = root
        self.calls: list[str] = []
        self.tools = Tools(
            SystemShell(),
            FakeReporter(),
            lambda _: Aws(None, local_aws.endpoint, on_call=self.calls.append),
            FakeRegistry(),
        )
        self.where = Where(root, local=True)
        self.write(rest)

    def write(self, rest: str) -> None:
        (self.root / "slsdeploy.toml").write_text(f'name = "{self.name}"\n{rest.replace("BUCKET", self.bucket)}')

    def put(self, factor: float) -> bytes:
        path = self.root.parent / "made.onnx"
        save_model(path, factor)
        self.s3.put_object(Bucket=self.bucket, Key="m/m.onnx", Body=path.read_bytes())
        return path.read_bytes()

    def up(self) -> Any:
        self.calls.clear()
        return app.up(self.where, self.tools)

    def ask(self) -> Any:
        return invoking.invoke(self.where, self.tools, b'{"inputs": {"x": [[1, 1]]}}').payload

    def logged(self, eventually: Callable[..., Any], message: str) -> dict[str, Any]:
        """Wait for a log line of the function; return it."""

        def found() -> Any:
            events = self.logs.filter_log_events(logGroupName=f"/aws/lambda/{self.name}-dev")["events"]
            lines = [json.loads(event["message"]) for event in events if event["message"].startswith("{")]
            return next((line for line in lines if line.get("message") == message), None)

        line: dict[str, Any] = eventually(found)
        return line


@pytest.fixture
def desk(tmp_path: Path, local_aws: Any) -> Iterator[Desk]:
    made = Desk(tmp_path / "project", local_aws, 'model = "s3://BUCKET/m/m.onnx"\n')
    yield made
    app.down(made.where, made.tools)


def test_a_pinned_model_is_served_until_the_pin_moves(desk: Desk, eventually: Callable[..., Any]) -> None:
    with pytest.raises(ProjectError, match="the local AWS has no s3://") as caught:
        desk.up()
    assert f"s3 mb s3://{desk.bucket}`" in caught.value.hint
    desk.s3.create_bucket(Bucket=desk.bucket)
    desk.s3.put_bucket_versioning(Bucket=desk.bucket, VersioningConfiguration={"Status": "Enabled"})
    size = len(desk.put(2.0))
    assert desk.up().changed
    assert desk.ask() == {"outputs": {"y": [[2.0, 1.0]]}}
    assert desk.logged(eventually, "model download")["bytes"] == size
    assert desk.logged(eventually, "model downloaded")["retries"] == 0

    desk.put(5.0)
    again = desk.up()
    assert (again.changed, [call for call in desk.calls if call.startswith("s3:Get")]) == (False, [])
    restart(desk)
    assert desk.ask() == {"outputs": {"y": [[2.0, 1.0]]}}  # a new environment fetches the old version

    app.lock(desk.where, desk.tools, {"models"})
    assert desk.up().changed
    assert desk.ask() == {"outputs": {"y": [[5.0, 1.0]]}}


def restart(desk: Desk) -> None:
    """Make the next request meet a new environment."""
    text = (desk.root / "slsdeploy.toml").read_text()
    (desk.root / "slsdeploy.toml").write_text(text.replace("model =", "memory = 1024\nmodel =", 1))
    assert desk.up().changed


def test_an_object_that_is_replaced_in_a_bucket_without_versions_is_found_before_deploying(desk: Desk) -> None:
    desk.s3.create_bucket(Bucket=desk.bucket)
    desk.put(2.0)
    desk.up()
    desk.put(3.0)
    with pytest.raises(ProjectError, match="another has taken its place"):
        desk.up()
    assert desk.ask() == {"outputs": {"y": [[2.0, 1.0]]}}  # what is loaded stays


@pytest.fixture
def unlucky() -> Iterator[S3]:
    with s3_server.running() as running:
        yield running


def with_its_own_s3(desk: Desk, unlucky: S3) -> None:
    """Let the function, and not the build, meet another S3 with the same object in it."""
    desk.s3.create_bucket(Bucket=desk.bucket)
    unlucky.put(f"{desk.bucket}/m/m.onnx", desk.put(2.0))
    environment = f'environment = {{ AWS_ENDPOINT_URL_S3 = "{unlucky.endpoint}" }}\n'
    desk.write(f'model = "s3://BUCKET/m/m.onnx"\n{environment}')


def test_throttling_and_a_cut_connection_are_got_over(desk: Desk, unlucky: S3, eventually: Callable[..., Any]) -> None:
    with_its_own_s3(desk, unlucky)
    unlucky.faults.refusals = deque([(503, "SlowDown")] * 2)
    unlucky.faults.cuts = deque([10])
    desk.up()
    assert desk.ask() == {"outputs": {"y": [[2.0, 1.0]]}}
    assert [asked.start for asked in unlucky.asked] == [0, 0, 0, 10]
    assert desk.logged(eventually, "model download: tried again")["reason"] == "S3 answered 503 SlowDown"
    assert desk.logged(eventually, "model downloaded")["retries"] == 3


def test_a_refusal_is_what_up_says_and_the_next_request_after_it_works(desk: Desk, unlucky: S3) -> None:
    with_its_own_s3(desk, unlucky)
    unlucky.faults.always = (403, "AccessDenied")
    with pytest.raises(
        DeployError, match=r"does not start: .*S3 answered 403 AccessDenied: the function's role may not"
    ):
        desk.up()
    unlucky.faults.always = None
    assert desk.ask() == {"outputs": {"y": [[2.0, 1.0]]}}


FILE_SYSTEM = f"""model = "efs:/mnt/models/m/1.onnx"
[vpc]
subnets = ["subnet-0123abcd"]
security_groups = ["sg-89abcdef"]
[file_system]
arn = "{ARN}"
"""


def test_a_file_system_is_a_folder_of_the_project(tmp_path: Path, local_aws: Any) -> None:
    desk = Desk(tmp_path / "project", local_aws, FILE_SYSTEM)
    (desk.root / "efs/m").mkdir(parents=True)
    save_model(desk.root / "efs/m/1.onnx", 4.0)
    (desk.root / "handler.py").write_text(HANDLER)
    desk.up()
    answer = desk.ask()
    assert answer == {"y": [[4.0, 1.0]], "mnt": ["models"], "written": "Read-only file system"}
    configured = local_aws.client("lambda").get_function_configuration(FunctionName=f"{desk.name}-dev")
    assert configured["FileSystemConfigs"] == [{"Arn": ARN, "LocalMountPath": "/mnt/models"}]
    assert configured["VpcConfig"]["SubnetIds"] == ["subnet-0123abcd"]
    # a stack that is taken off its network again
    shutil.copyfile(desk.root / "efs/m/1.onnx", desk.root / "m.onnx")
    (desk.root / "handler.py").unlink()
    desk.write('model = "m.onnx"\n')
    desk.up()
    assert desk.ask() == {"outputs": {"y": [[4.0, 1.0]]}}
    configured = local_aws.client("lambda").get_function_configuration(FunctionName=f"{desk.name}-dev")
    assert not configured.get("FileSystemConfigs")
    app.down(desk.where, desk.tools)


HANDLER = """
import os

def postprocess(outputs):
    try:
        open("/mnt/models/new", "w")
        written = ""
    except OSError as error:
        written = error.strerror
    return {"y": outputs["y"], "mnt": os.listdir("/mnt"), "written": written}
"""


def test_where_nothing_can_be_mounted_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLSDEPLOY_LOCAL_MOUNTS", "off")
    with local_lambda(tmp_path) as lab:
        assert any("functions with a file system" in limit for limit in lab.functions.limits())
        lab.create(
            "mounted", "def handler(*_): pass\n", FileSystemConfigs=[{"Arn": ARN, "LocalMountPath": "/mnt/models"}]
        )
        result = lab.invoke("mounted")
    said = json.loads(result.payload)
    assert said["errorMessage"].startswith("/mnt/models cannot be mounted: mount namespaces are not available here")


def test_a_folder_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    with local_lambda(tmp_path) as lab:
        if Sandbox(tmp_path / "probe", SystemShell()).level == "none":
            pytest.skip("nothing can be mounted here")
        system = [{"Arn": ARN, "LocalMountPath": "/mnt/models"}]
        variables = {"Variables": {"SLSDEPLOY_LOCAL_FILE_SYSTEM": str(tmp_path / "none")}}
        lab.create("one", "def handler(*_): pass\n", FileSystemConfigs=system, Environment=variables)
        lab.create("other", "def handler(*_): pass\n", FileSystemConfigs=system)
        messages = [json.loads(lab.invoke(name).payload)["errorMessage"] for name in ("one", "other")]
    assert messages == [
        f"/mnt/models cannot be mounted: the folder {tmp_path / 'none'} does not exist",
        "/mnt/models cannot be mounted: no SLSDEPLOY_LOCAL_FILE_SYSTEM says which folder stands for it",
    ]
