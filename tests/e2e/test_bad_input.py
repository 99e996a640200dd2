"""Bad input to what is deployed, over every way in: the caller is told what is wrong, and the next request works.

One project with every trigger and a handler that misbehaves when asked to is deployed once for all tests here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

IRIS = Path(__file__).parents[2] / "samples" / "iris"
TOML = """
name = "spoilt"
model = "iris.onnx"
timeout = 3

[[trigger]]
type = "http"

[[trigger]]
type = "sqs"
batch_size = 10
maximum_batching_window_in_seconds = 1
max_receive_count = 2
visibility_timeout = 18
"""
PLAIN = '\nname = "plain"\nmodel = "iris.onnx"\n\n[[trigger]]\ntype = "http"\n'
# Does what the request says; everything else is as without a handler.
HANDLER = """
import os, sys, time
import numpy as np

def preprocess(request):
    what = request.data.get("do", "nothing")
    return DO.get(what, nothing)(request)

def nothing(request):
    return {"measurements": np.array(request.data["instances"], np.float32)}

def fail(request):
    return {}["a key that is not there"]

def leave(request):
    sys.exit(3)

def end(request):
    os._exit(3)

def talk(request):
    print("x" * 3_000_000)
    return {"measurements": np.zeros((1, 4), np.float32)}

def sleep(request):
    time.sleep(60)

DO = {"fail": fail, "leave": leave, "end": end, "talk": talk, "sleep": sleep}
"""
GOOD = {"instances": [[5.1, 3.5, 1.4, 0.2]]}
pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.out))


def slsdeploy(*words: str | Path, given: str | None = None, **variables: str) -> Done:
    argv = [sys.executable, "-m", "slsdeploy", *map(str, words)]
    done = subprocess.run(
        argv, capture_output=True, text=True, input=given, timeout=120, env={**os.environ, **variables}, check=False
    )
    assert "Traceback (most recent call last)" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


class Site:
    """A deployed project and its URL."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.outputs: dict[str, str] = {}

    def up(self, *words: str) -> Done:
        done = slsdeploy("up", self.root, "--local", "--json", *words)
        if done.code == 0:
            self.outputs = done.document["outputs"]
        return done

    def invoke(self, event: object, *words: str) -> Done:
        return slsdeploy("invoke", self.root, "--local", "--event", "-", *words, given=json.dumps(event))

    def send(self, body: bytes, path: str = "/predict", method: str = "POST", **headers: str) -> tuple[int, Any]:
        """Send a signed request to the Function URL; return the status and the decoded answer."""
        url = self.outputs["Url"].rstrip("/") + path
        request = AWSRequest(method=method, url=url, data=body, headers={"content-type": "application/json", **headers})
        SigV4Auth(Credentials("test", "test"), "lambda", "us-east-1").add_auth(request)
        answer = urllib3.request(method, url, body=body, headers=dict(request.headers), timeout=30, retries=False)
        return answer.status, json.loads(answer.data or b"null")


def make(folder: Path, toml: str, handler: str = "") -> Site:
    folder.mkdir(parents=True)
    shutil.copyfile(IRIS / "iris.onnx", folder / "iris.onnx")
    (folder / "slsdeploy.toml").write_text(toml)
    if handler:
        (folder / "handler.py").write_text(handler)
    return Site(folder)


@pytest.fixture(scope="module")
def plain(local_aws: Any, tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = make(tmp_path_factory.mktemp("plain") / "plain", PLAIN)
    done = site.up()
    assert done.code == 0, done.err
    return site


@pytest.fixture(scope="module")
def spoilt(local_aws: Any, tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = make(tmp_path_factory.mktemp("spoilt") / "a folder with spaces, ü", TOML, HANDLER)
    done = site.up()
    assert done.code == 0, done.err
    return site


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{not json", "body"),
        (b"", "body"),
        (b"\x90\x91", "body"),
        (b"[" * 100_000, "body"),
        (b"3", "body"),
        (b"{}", "body"),
        (b'{"instances": [[1, 2, 3, 4]], "inputs": {}}', "body"),
        (b'{"inputs": {"nope": [[1, 2, 3, 4]]}}', "inputs.nope"),
        (b'{"inputs": {}}', "inputs.measurements"),
        (b'{"inputs": {"measurements": [1, 2, 3, 4]}}', "inputs.measurements"),
        (b'{"inputs": {"measurements": [[1, 2, 3]]}}', "inputs.measurements"),
        (b'{"inputs": {"measurements": []}}', "inputs.measurements"),
        (b'{"inputs": {"measurements": [[1, 2, 3], [1]]}}', "inputs.measurements[1]"),
        (b'{"inputs": {"measurements": [[1, 2, 3, "4"]]}}', "inputs.measurements[0][3]"),
        (b'{"inputs": {"measurements": [[1, 2, 3, "NaN"]]}}', "inputs.measurements[0][3]"),
        (b'{"inputs": {"measurements": [[1, 2, NaN, 4]]}}', "inputs.measurements[0][2]"),
        (b'{"inputs": {"measurements": [[1, 2, 3, null]]}}', "inputs.measurements[0][3]"),
        (b'{"inputs": {"measurements": [[1, 2, 3, true]]}}', "inputs.measurements[0][3]"),
        (b'{"inputs": {"measurements": [[1, 2, 3, 1e99]]}}', "inputs.measurements[0][3]"),
        (b'{"instances": []}', "instances"),
        (b'{"instances": [[1, 2, 3]]}', "instances"),
    ],
)
def test_http_names_the_field_and_goes_on(plain: Site, body: bytes, field: str) -> None:
    status, answer = plain.send(body)
    assert (status, answer["field"]) == (400, field), answer
    assert answer["found"] and answer["expected"] and "\n" not in answer["error"]
    status, answer = plain.send(json.dumps(GOOD).encode())
    assert (status, answer["predictions"][0]["label"]) == (200, "setosa")


@pytest.mark.parametrize(
    ("tensor", "field"),
    [
        ({"name": "nope"}, "nope"),
        ({"shape": [1, 3]}, "inputs[0].shape"),
        ({"datatype": "FP33"}, "FP33"),
        ({"datatype": "INT64"}, "INT64"),
        ({"data": [1, 2]}, "inputs[0].data"),
        ({"shape": [-1, 4]}, "shape"),
    ],
)
def test_the_open_inference_protocol_names_what_is_wrong(plain: Site, tensor: dict[str, Any], field: str) -> None:
    good = {"name": "measurements", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}
    status, answer = plain.send(json.dumps({"inputs": [{**good, **tensor}]}).encode(), "/v2/models/plain/infer")
    assert status == 400 and field in answer["error"], answer
    assert plain.send(json.dumps({"inputs": [good]}).encode(), "/v2/models/plain/infer")[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "told"),
    [
        ("POST", "/nowhere", 404, "there is no /nowhere; there is POST /predict"),
        ("GET", "/predict", 405, "/predict does not take GET: use POST"),
        ("DELETE", "/v2/models/plain", 405, "use GET"),
        ("POST", "/v2/models/other/infer", 404, "there is no model 'other'; there is 'plain'"),
        ("GET", "/v2/models/plain/versions/9", 404, "has no version '9'"),
    ],
)
def test_unknown_paths_and_wrong_methods(plain: Site, method: str, path: str, status: int, told: str) -> None:
    found, answer = plain.send(b"", path, method)
    assert found == status and told in answer["error"]


def test_seven_megabytes_are_too_many(plain: Site) -> None:
    body = b'{"instances": [' + b",".join([b"[1,2,3,4]"] * 700_000) + b"]}"
    assert len(body) > 7_000_000
    assert plain.send(body)[0] == 413
    done = slsdeploy("invoke", plain.root, "--local", "--event", "-", given=body.decode())
    assert done.code == 5 and "Request must be smaller than 6291456 bytes" in done.err and "hint: " in done.err
    assert plain.send(json.dumps(GOOD).encode())[0] == 200


def test_another_content_type_is_a_415(plain: Site) -> None:
    status, answer = plain.send(b"\x89PNG", **{"content-type": "image/png"})
    assert (status, answer["field"], answer["found"]) == (415, "Content-Type", "image/png")


def test_an_unsigned_request_is_a_403(plain: Site) -> None:
    answer = urllib3.request("POST", plain.outputs["Url"] + "predict", body=json.dumps(GOOD), retries=False)
    assert answer.status == 403


def test_invoke_shows_what_was_wrong_with_the_event(plain: Site) -> None:
    done = plain.invoke({"instances": [[1]]}, "--json")
    assert done.code == 5
    assert done.document["error"] == {
        "type": "BadInput",
        "message": "instances: found shape [1, 1], expected shape [-1, 4] (-1: any size)",
    }
    done = slsdeploy("invoke", plain.root, "--local", "--event", "-", given="{not json")
    assert done.code == 2 and "error: the event is not JSON" in done.err and "hint: " in done.err
    done = slsdeploy("invoke", plain.root, "--local", "--url", "--event", "-", "--json", given="")
    assert done.document["status_code"] == 400 and "it is empty" in done.document["error"]["message"]


def test_a_handler_that_raises_shows_its_own_lines(spoilt: Site) -> None:
    done = spoilt.invoke({"do": "fail"})
    assert done.code == 5
    assert done.out.startswith("KeyError: 'a key that is not there'\n")
    assert re.search(
        r'File "/var/task/handler.py", line \d+, in fail\n\s+return {}\["a key that is not there"]', done.out
    )
    done = spoilt.invoke({"do": "fail"}, "--json")
    assert done.document["error"] == {"type": "KeyError", "message": "'a key that is not there'"}
    assert spoilt.send(b'{"do": "fail"}') == (500, {"error": "the function failed; its log says why"})


@pytest.mark.parametrize(
    ("what", "kind", "message"),
    [
        ("leave", "HandlerError", "preprocess called sys.exit(3)"),
        ("end", "Runtime.ExitError", "exit status 3"),
        ("sleep", "Sandbox.Timedout", "Task timed out after 3.00 seconds"),
    ],
)
def test_a_handler_that_ends_or_never_does(spoilt: Site, what: str, kind: str, message: str) -> None:
    done = spoilt.invoke({"do": what})
    assert done.code == 5 and done.out.startswith(f"{kind}: ") and message in done.out
    assert spoilt.invoke(GOOD).code == 0


def test_a_handler_that_talks_too_much(spoilt: Site) -> None:
    done = spoilt.invoke({"do": "talk"}, "--json")
    assert done.code == 0 and done.document["payload"]["outputs"]["label"]
    assert len(done.out) < 1000


def test_one_poison_message_in_ten_fails_alone(
    spoilt: Site, local_aws: Any, eventually: Callable[[Callable[[], Any]], Any]
) -> None:
    sqs = local_aws.client("sqs")
    sqs.set_queue_attributes(QueueUrl=spoilt.outputs["QueueUrl"], Attributes={"VisibilityTimeout": "1"})
    bodies = [json.dumps(GOOD) for _ in range(9)]
    bodies.insert(4, '{"do": "fail"}')
    entries = [{"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies)]
    sent = sqs.send_message_batch(QueueUrl=spoilt.outputs["QueueUrl"], Entries=entries)["Successful"]
    wanted = {item["MessageId"] for item in sent if item["Id"] != "4"}
    answered: list[str] = []

    def has_all() -> bool:
        for message in receive(sqs, spoilt.outputs["OutputQueueUrl"]):
            answer = json.loads(message["Body"])
            assert answer["outputs"]["label"] == ["setosa"]
            answered.append(answer["message_id"])
        return len(answered) >= 9

    eventually(has_all)
    dead = eventually(lambda: receive(sqs, spoilt.outputs["DeadLetterQueueUrl"]))
    assert [message["Body"] for message in dead] == ['{"do": "fail"}']
    assert dead[0]["Attributes"]["ApproximateReceiveCount"] >= "2"
    assert (len(answered), set(answered)) == (9, wanted)
    assert receive(sqs, spoilt.outputs["QueueUrl"]) == []


def receive(sqs: Any, url: str) -> list[dict[str, Any]]:
    found = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1, AttributeNames=["ApproximateReceiveCount"]
    )
    for message in found.get("Messages", ()):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return list(found.get("Messages", ()))


def test_what_is_not_deployed(plain: Site) -> None:
    for command in ("invoke", "status", "logs"):
        done = slsdeploy(command, plain.root, "--local", "--stage", "prod")
        assert done.code == 2 and "plain is not deployed to stage prod of the local AWS" in done.err
        assert f"hint: run `slsdeploy up {plain.root} --local --stage prod` first" in done.err


def test_a_handler_that_does_not_import_is_found_before_deploying(local_aws: Any, tmp_path: Path) -> None:
    site = make(
        tmp_path / "broken", PLAIN.replace("plain", "broken"), "import json\nVALUE = {}['x']\ndef predict(m, i): ...\n"
    )
    done = slsdeploy("up", site.root, "--local")
    assert done.code == 3
    assert "handler.py does not import: KeyError: 'x'\n  handler.py:2 in <module>\n    VALUE = {}['x']" in done.err
    stacks = local_aws.client("cloudformation").describe_stacks()["Stacks"]
    assert not [stack for stack in stacks if stack["StackName"] == "broken-dev"]


def test_a_function_that_does_not_start_is_no_success_the_second_time_either(local_aws: Any, tmp_path: Path) -> None:
    only_there = "import os\nif os.environ.get('AWS_LAMBDA_RUNTIME_API'):\n    raise RuntimeError('no luck')\n"
    site = make(
        tmp_path / "luckless", PLAIN.replace("plain", "luckless"), only_there + "def predict(m, i): return m.run(i)\n"
    )
    for _ in range(2):
        done = slsdeploy("up", site.root, "--local")
        assert done.code == 6
        assert "does not start" in done.err and "RuntimeError: no luck (/var/task/handler.py, line 3)" in done.err
    (site.root / "handler.py").write_text("def predict(m, i): return m.run(i)\n")
    assert site.up().document["changed"] is True
    assert site.up().document["changed"] is False


def test_down_twice(local_aws: Any, tmp_path: Path) -> None:
    site = make(tmp_path / "gone", PLAIN.replace("plain", "gone"))
    assert site.up().code == 0
    done = [slsdeploy("down", site.root, "--local", "--json") for _ in range(2)]
    assert [(item.code, item.document["removed"]) for item in done] == [(0, True), (0, False)]
    found = local_aws.client("s3").list_objects_v2(Bucket="slsdeploy-123456789012-us-east-1", Prefix="gone-dev/")
    assert found["KeyCount"] == 0


def test_a_changed_model_again_and_again(local_aws: Any, tmp_path: Path) -> None:
    """Versions that nobody calls any more still use layer versions that are deleted."""
    site = make(tmp_path / "model", PLAIN.replace("plain", "model"))
    for sample in ("iris", "diabetes", "iris"):
        shutil.copyfile(IRIS.parent / sample / f"{sample}.onnx", site.root / "iris.onnx")
        done = site.up()
        assert done.code == 0, done.out + done.err
        assert slsdeploy("invoke", site.root, "--local").code == 0


def test_two_at_once_deploy_once(local_aws: Any, tmp_path: Path) -> None:
    site = make(tmp_path / "twice", PLAIN.replace("plain", "twice"))
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: slsdeploy("up", site.root, "--local", "--json"), range(2)))
    assert [item.code for item in done] == [0, 0], [item.out + item.err for item in done]
    assert sorted(item.document["changed"] for item in done) == [False, True]


def test_a_reader_that_goes_away_does_not_stop_the_deployment(local_aws: Any, tmp_path: Path) -> None:
    site = make(tmp_path / "piped", PLAIN.replace("plain", "piped"))
    script = f'"{sys.executable}" -m slsdeploy up "{site.root}" --local 2>&1 | head -1; echo ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.splitlines()[-1] == "0"
    assert site.up().document["changed"] is False


def test_from_another_folder_and_without_a_home(plain: Site, tmp_path: Path) -> None:
    script = f'cd / && unset HOME && "{sys.executable}" -P -m slsdeploy up "{plain.root}" --local --json'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["changed"] is False


def test_a_home_that_cannot_be_written_is_named(local_aws: Any, tmp_path: Path) -> None:
    site = make(tmp_path / "homeless", PLAIN)
    (tmp_path / "home").write_text("no folder")
    for variable in ("SLSDEPLOY_CACHE_DIR", "SLSDEPLOY_STATE_DIR"):
        done = slsdeploy("up", site.root, "--local", **{variable: str(tmp_path / "home")})
        assert done.code == 4 and str(tmp_path / "home") in done.err and variable in done.err
