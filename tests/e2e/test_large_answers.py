"""Answers of more than 6 MB on the local AWS: who follows a redirect gets all of it, over the Function URL and by invoking the function."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.runtime import bundles

TOML = """
name = "wide"
model = "wide.onnx"
optimize = "off"

[[trigger]]
type = "http"
auth = "{auth}"
cors = {{ allow_origins = ["https://www.example.com"] }}
"""
ROWS = {"instances": [[1.5 + index / 7] for index in range(900)]}  # 18 MB, 8 compressed
EXPECTED = (900, 1000)
pytestmark = pytest.mark.e2e


def slsdeploy(command: str, project: Path, *words: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "slsdeploy", command, str(project), "--local", "--json", *words],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def project(local_aws: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wide") / "wide"
    folder.mkdir()
    onnx.save(bundles.wide()[0], folder / "wide.onnx")
    return folder


@pytest.fixture(scope="module")
def up(project: Path) -> dict[str, Any]:
    (project / "slsdeploy.toml").write_text(TOML.format(auth="none"))
    return dict(slsdeploy("up", project))


def send(up: dict[str, Any], path: str, body: Any, *, follow: bool = True, **headers: str) -> Any:
    named = {"content-type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
    return urllib3.request(
        "POST", up["url"] + path, body=json.dumps(body), headers=named, timeout=60, redirect=follow, decode_content=True
    )


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_who_follows_gets_the_answer(up: dict[str, Any], encoding: str) -> None:
    answer = send(up, "predict", ROWS, accept_encoding=encoding)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers.get("content-encoding", "identity") == encoding
    assert np.shape(json.loads(answer.data)["predictions"]) == EXPECTED


def test_raw_tensors_go_the_same_way(up: dict[str, Any]) -> None:
    tensor = {"name": "x", "datatype": "FP32", "shape": [1300, 1], "data": [2.0] * 1300}
    asked = {"inputs": [tensor], "parameters": {"binary_data_output": True}}
    sent_on = send(up, "v2/models/wide/infer", asked, follow=False)
    length = int(sent_on.headers["inference-header-content-length"])
    found = urllib3.request("GET", sent_on.headers["location"], retries=False)
    assert found.headers["content-type"] == "application/octet-stream"
    assert json.loads(found.data[:length])["outputs"][0]["shape"] == [1300, 1000]
    assert np.frombuffer(found.data[length:], "<f4").shape == (1_300_000,)


def test_a_url_is_good_for_nothing_but_its_object(up: dict[str, Any], local_aws: Any) -> None:
    told = json.loads(send(up, "predict", ROWS, follow=False).data)
    assert told["bytes"] == len(urllib3.request("GET", told["url"], retries=False).data) > 15_000_000
    assert urllib3.request("GET", told["url"].partition("?")[0], retries=False).status == 403
    client = local_aws.client("s3")
    assert told["s3"]["bucket"] == up["outputs"]["LargeAnswersBucket"]
    assert client.head_object(Bucket=told["s3"]["bucket"], Key=told["s3"]["key"])["ContentLength"] == told["bytes"]
    rules = client.get_bucket_lifecycle_configuration(Bucket=told["s3"]["bucket"])["Rules"]
    assert [rule["Expiration"]["Days"] for rule in rules] == [15]
    rules = client.get_bucket_cors(Bucket=told["s3"]["bucket"])["CORSRules"]
    assert [(rule["AllowedOrigins"], rule["AllowedMethods"]) for rule in rules] == [(["*"], ["GET"])]


def test_a_page_of_another_origin_may_read_the_redirect(up: dict[str, Any]) -> None:
    answer = send(up, "predict", ROWS, follow=False, origin="https://www.example.com")
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (303, "https://www.example.com")


def test_head_and_other_methods_are_answered_as_ever(up: dict[str, Any]) -> None:
    for method, path, status in (("HEAD", "v2", 200), ("HEAD", "predict", 405), ("GET", "predict", 405)):
        assert urllib3.request(method, up["url"] + path, retries=False).status == status


def test_an_invoke_returns_the_pointer(up: dict[str, Any], project: Path, tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text(json.dumps(ROWS))
    told = slsdeploy("invoke", project, "--event", str(tmp_path / "event.json"))["payload"]
    answer = urllib3.request("GET", told["url"], retries=False)
    assert np.shape(json.loads(answer.data)["predictions"]) == EXPECTED


def test_a_signed_caller_asks_the_url_without_its_signature(up: dict[str, Any], project: Path) -> None:
    (project / "slsdeploy.toml").write_text(TOML.format(auth="iam"))
    url = slsdeploy("up", project)["url"] + "predict"
    request = AWSRequest("POST", url, data=json.dumps(ROWS).encode(), headers={"content-type": "application/json"})
    SigV4Auth(Credentials("test", "test"), "lambda", "us-east-1").add_auth(request)
    headers = dict(request.headers.items())
    assert urllib3.request("POST", url, body=request.data, retries=False).status == 403
    answer = urllib3.request("POST", url, body=request.data, headers=headers, retries=False, redirect=False)
    assert answer.status == 303
    found = urllib3.request("GET", json.loads(answer.data)["url"], retries=False)
    assert np.shape(json.loads(found.data)["predictions"]) == EXPECTED


def test_a_project_may_refuse(up: dict[str, Any], project: Path) -> None:
    (project / "slsdeploy.toml").write_text('large_answers = "refuse"\n' + TOML.format(auth="none"))
    refusing = slsdeploy("up", project)
    assert "LargeAnswersBucket" not in refusing["outputs"]
    answer = send(refusing, "predict", ROWS)
    assert answer.status == 413 and json.loads(answer.data)["error"].endswith('deploy with large_answers = "s3"')
