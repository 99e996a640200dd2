"""HTTP APIs and REST APIs on the local AWS: an address of their own, events in their own form, answers read as API Gateway reads them."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import Message
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.building import save_model
from tests.e2e.conftest import REGION, LocalAws

pytestmark = pytest.mark.e2e

REQUEST = json.dumps({"instances": [[1.5, 2.0]]}).encode()
ANSWER = {"predictions": [[3.0, 2.0]]}
JSON = {"content-type": "application/json"}


def slsdeploy(*words: str, code: int = 0) -> dict[str, Any]:
    argv = [sys.executable, "-m", "slsdeploy", *words, "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == code, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


def deploy(aws: LocalAws, folder: Path, trigger: str) -> dict[str, Any]:
    name = aws.name("api").replace("_", "-")
    save_model(folder / "model.onnx", factor=2.0)
    text = f'name = "{name}"\nmodel = "model.onnx"\ntimeout = 20\n[[trigger]]\ntype = "http"\n{trigger}\n'
    (folder / "slsdeploy.toml").write_text(text, encoding="utf-8")
    return slsdeploy("up", str(folder), "--local")


def signed(url: str, body: bytes, headers: Mapping[str, str] = JSON, service: str = "execute-api") -> dict[str, str]:
    request = AWSRequest(method="POST", url=url, data=body, headers=dict(headers))
    SigV4Auth(Credentials("test", "test"), service, REGION).add_auth(request)
    return dict(request.headers)


def send(
    url: str, body: bytes | None = None, headers: Mapping[str, str] = JSON, method: str | None = None
) -> tuple[int, Message, bytes]:
    request = urllib.request.Request(url, body, dict(headers), method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def tensors() -> tuple[bytes, dict[str, str]]:
    """Return a request of the Open Inference Protocol with raw tensors both ways."""
    x = np.array([[1.5, 2.0]], np.float32)
    parameters = {"binary_data_size": x.nbytes}
    head = {
        "inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": parameters}],
        "parameters": {"binary_data_output": True},
    }
    text = json.dumps(head).encode()
    kind = {"content-type": "application/octet-stream", "inference-header-content-length": str(len(text))}
    return text + x.tobytes(), kind


@pytest.mark.parametrize("via", ["http_api", "rest_api"])
def test_an_open_api_answers_anybody(via: str, local_aws: LocalAws, tmp_path: Path) -> None:
    made = deploy(local_aws, tmp_path, f'via = "{via}"\nauth = "none"')
    url = made["url"]
    assert url.endswith("/live/" if via == "rest_api" else "/")
    status, _, body = send(f"{url}predict", REQUEST)
    assert (status, json.loads(body)) == (200, ANSWER)
    assert send(f"{url}v2/health/ready")[0] == 200
    assert json.loads(send(url)[2])["models"]  # the path "/" too
    status, headers, _ = send(f"{url}predict", method="PUT")
    assert (status, headers["allow"]) == (405, "POST, OPTIONS")
    asked, kind = tensors()
    status, headers, body = send(f"{url}v2/models/{made['name']}/infer", asked, kind)
    assert (status, headers["content-type"]) == (200, "application/octet-stream"), body
    size = int(headers["inference-header-content-length"])
    assert np.frombuffer(body[size:], np.float32).tolist() == [3.0, 2.0]
    rows = json.dumps({"instances": [[1.5, 2.0]] * 2000}).encode()
    status, headers, body = send(f"{url}predict", rows, {**JSON, "accept-encoding": "gzip"})
    assert (status, headers["content-encoding"], body[:2]) == (200, "gzip", b"\x1f\x8b")
    servers = json.loads(send(f"{url}openapi.json")[2]).get("servers")
    assert servers == ([{"url": "/live"}] if via == "rest_api" else None)
    sampled = slsdeploy("invoke", str(tmp_path), "--local", "--sample", "http")["payload"]
    assert json.loads(sampled["body"])["outputs"]
    slsdeploy("down", str(tmp_path), "--local")
    with pytest.raises(OSError):
        send(url)


@pytest.mark.parametrize("via", ["http_api", "rest_api"])
def test_a_private_api_wants_a_signature_for_it(via: str, local_aws: LocalAws, tmp_path: Path) -> None:
    url = deploy(local_aws, tmp_path, f'via = "{via}"')["url"] + "predict"
    status, _, body = send(url, REQUEST)
    assert (status, json.loads(body)["message"]) == (
        403,
        "Forbidden" if via == "http_api" else "Missing Authentication Token",
    )
    assert send(url, REQUEST, signed(url, REQUEST, service="lambda"))[0] == 403
    assert send(url, b"other", signed(url, REQUEST))[0] == 403
    status, _, body = send(url, REQUEST, signed(url, REQUEST))
    assert (status, json.loads(body)) == (200, ANSWER)
    told = slsdeploy("invoke", str(tmp_path), "--local", "--url")
    assert (told["status_code"], told["error"]) == (200, None)


def test_pages_of_other_origins_may_call_an_http_api(local_aws: LocalAws, tmp_path: Path) -> None:
    cors = (
        'cors = { allow_origins = ["https://a.example"], allow_methods = ["POST"], allow_headers = ["content-type"] }'
    )
    url = deploy(local_aws, tmp_path, f'via = "http_api"\n{cors}')["url"] + "predict"
    asks = {"origin": "https://a.example", "access-control-request-method": "POST"}
    status, headers, _ = send(url, None, asks, "OPTIONS")
    assert (status, headers["access-control-allow-origin"]) == (204, "https://a.example")
    status, headers, _ = send(url, REQUEST, signed(url, REQUEST, {**JSON, "origin": "https://a.example"}))
    assert (status, headers["access-control-allow-origin"]) == (200, "https://a.example")


def test_a_change_of_an_api_is_an_update(local_aws: LocalAws, tmp_path: Path) -> None:
    made = deploy(local_aws, tmp_path, 'via = "rest_api"')
    file = tmp_path / "slsdeploy.toml"
    file.write_text(file.read_text() + 'auth = "none"\n')
    again = slsdeploy("up", str(tmp_path), "--local")
    assert again["url"] == made["url"]
    assert send(again["url"] + "predict", REQUEST)[0] == 200
    file.write_text(file.read_text().replace("rest_api", "http_api"))
    other = slsdeploy("up", str(tmp_path), "--local")
    assert other["url"] != made["url"]
    assert send(other["url"] + "predict", REQUEST)[0] == 200
    with pytest.raises(OSError):
        send(made["url"])


def test_a_load_balancers_parts_are_recorded(local_aws: LocalAws, tmp_path: Path) -> None:
    listener = f"arn:aws:elasticloadbalancing:{REGION}:123456789012:listener/app/web/50dc6c495c0c9188/f2f7dc8efc522ab2"
    trigger = f'via = "load_balancer"\nauth = "none"\nlistener = "{listener}"\npriority = 3\npath = "/iris/*"'
    made = deploy(local_aws, tmp_path, trigger)
    assert made["url"] == "" and ":targetgroup/slsdeploy-" in made["outputs"]["TargetGroupArn"]
    sampled = slsdeploy("invoke", str(tmp_path), "--local", "--sample", "http")["payload"]
    assert sampled["statusCode"] == 200 and "multiValueHeaders" in sampled
