"""A handler that misbehaves behind a Function URL: what the caller gets, what the log says, and that the next request works."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import urllib3

IRIS = Path(__file__).parents[2] / "samples" / "iris"
TOML = """
name = "unlucky"
model = "iris.onnx"
timeout = 2

[[trigger]]
type = "http"
auth = "none"
cors = { allow_origins = ["https://www.example.com"], expose_headers = ["server-timing"] }
"""
# does what the request says
HANDLER = """
import os, sys, threading, time
import numpy as np

what = ""

def preprocess(request):
    global what
    what = request.data["do"]
    DO.get(what, lambda: None)()
    return {"measurements": np.zeros((1, 4), np.float32)}

def postprocess(outputs):
    return {"no JSON": object(), "NaN": float("nan"), "big": 2**64 - 1}.get(what, "fine")

def fail():
    raise LookupError("a flower without a name")

def talk():
    line = "x" * 1023 + "\\n"
    for _ in range(64):
        sys.stdout.write(line * 1024)

def threads():
    for _ in range(20):
        threading.Thread(target=time.sleep, args=(600,)).start()

DO = {
    "fail": fail,
    "talk": talk,
    "threads": threads,
    "hang": lambda: time.sleep(60),
    "leave": lambda: sys.exit(3),
    "end": lambda: os._exit(3),
    "deep": lambda: deep(),
}

def deep():
    deep()
"""
pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def up(local_aws: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    project = tmp_path_factory.mktemp("unlucky") / "unlucky"
    project.mkdir()
    shutil.copyfile(IRIS / "iris.onnx", project / "iris.onnx")
    (project / "slsdeploy.toml").write_text(TOML)
    (project / "handler.py").write_text(HANDLER)
    done = subprocess.run(
        [sys.executable, "-m", "slsdeploy", "up", str(project), "--local", "--json"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def send(up: dict[str, Any], what: str, **headers: str) -> tuple[int, Any]:
    url = up["url"] + "predict"
    named = {"content-type": "application/json", **headers}
    answer = urllib3.request("POST", url, body=json.dumps({"do": what}), headers=named, timeout=60, retries=False)
    return answer.status, json.loads(answer.data)


FAILED = {"error": "the function failed; its log says why"}
ENDED = {"Message": "Internal Server Error"}


@pytest.mark.parametrize(
    ("what", "expected", "log"),
    [
        ("fail", (500, FAILED), r'"level":"ERROR".*LookupError: a flower without a name'),
        ("deep", (500, FAILED), "RecursionError"),
        ("no JSON", (500, FAILED), r"postprocess's answer is a object, which JSON cannot hold"),
        ("NaN", (200, None), ""),
        ("big", (200, 2**64 - 1), ""),
        ("leave", (500, FAILED), r"HandlerError: preprocess called sys\.exit\(3\)"),
        ("end", (502, ENDED), r"Error Type: Runtime\.ExitError"),
        ("hang", (502, ENDED), r"Task timed out after 2\.00 seconds"),
        ("threads", (200, "fine"), ""),
    ],
)
def test_the_caller_is_answered_the_log_says_why_and_the_next_request_works(
    up: dict[str, Any], local_aws: Any, eventually: Callable[..., Any], what: str, expected: Any, log: str
) -> None:
    assert send(up, what) == expected
    assert send(up, "nothing") == (200, "fine")
    if log:
        eventually(lambda: re.search(log, "".join(messages(up, local_aws))))


def test_64_megabytes_of_logs_are_no_trouble(up: dict[str, Any], local_aws: Any) -> None:
    status, _ = send(up, "talk")
    assert status in (200, 502)  # it may take longer than the function has
    assert send(up, "nothing") == (200, "fine")
    assert sum(map(len, messages(up, local_aws))) < 40_000_000  # the newest only are kept


def test_the_page_and_the_document_go_through_the_url(up: dict[str, Any]) -> None:
    for path, kind in (("docs", "text/html; charset=utf-8"), ("openapi.json", "application/json")):
        answer = urllib3.request("GET", up["url"] + path, headers={"accept-encoding": "gzip"}, retries=False)
        assert (answer.status, answer.headers["content-type"], answer.headers["content-encoding"]) == (
            200,
            kind,
            "gzip",
        )
        assert b"iris" in answer.data or b"unlucky" in answer.data


def messages(up: dict[str, Any], local_aws: Any) -> list[str]:
    logs = local_aws.client("logs")
    group = f"/aws/lambda/{up['function_name']}"
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, filterPattern="?ERROR ?Task ?exit ?Exit"
    )
    return [event["message"] for page in pages for event in page["events"]]


def test_a_request_id_goes_through_the_url(up: dict[str, Any]) -> None:
    answer = urllib3.request("GET", up["url"] + "v2/health/live", headers={"x-request-id": "mine"}, retries=False)
    assert (answer.status, answer.headers["x-request-id"]) == (200, "mine")


def test_a_compressed_body_goes_through_the_url(up: dict[str, Any]) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    body = gzip.compress(b'{"do": "nothing"}')
    answer = urllib3.request("POST", up["url"] + "predict", body=body, headers=headers, retries=False)
    assert (answer.status, answer.data) == (200, b'"fine"')


def test_cors_settings_are_what_the_url_does(up: dict[str, Any]) -> None:
    origin = {"origin": "https://www.example.com"}
    answer = urllib3.request("GET", up["url"] + "v2", headers=origin, retries=False)
    assert answer.headers["access-control-allow-origin"] == "https://www.example.com"
    asked = {**origin, "access-control-request-method": "POST"}
    answer = urllib3.request("OPTIONS", up["url"] + "predict", headers=asked, retries=False)
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "https://www.example.com")
