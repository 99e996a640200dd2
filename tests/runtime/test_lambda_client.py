"""The runtime under AWS's own client of the Lambda Runtime API (awslambdaric), in a process of its own, as the managed runtimes run it."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.runtime import bundles
from tests.runtime.conftest import recorded

pytest.importorskip("awslambdaric", reason="awslambdaric has wheels for Linux only")

RUNTIME = Path(__file__).parents[2] / "handlers"
PREFIX = "/2018-06-01/runtime"  # https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html


class RuntimeApi(ThreadingHTTPServer):
    """The Runtime API of one environment: events go into `events`, what the client posts comes out of `posted`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), RuntimeCall)
        self.events: queue.Queue[Any] = queue.Queue()
        self.posted: queue.Queue[tuple[str, Any]] = queue.Queue()

    def ask(self, event: Any) -> tuple[str, Any]:
        """Send an event, and return where the client posted what."""
        self.events.put(event)
        return self.posted.get(timeout=30)


class RuntimeCall(BaseHTTPRequestHandler):
    server: RuntimeApi
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        event = self.server.events.get()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 30_000),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:iris-dev:live",
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
            "Content-Type": "application/json",
        }
        self._answer(200, json.dumps(event).encode(), headers)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.posted.put((self.path.removeprefix(PREFIX), body))
        self._answer(202, b"", {})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def environment(task: Path) -> Iterator[RuntimeApi]:
    """Start an execution environment for a bundle laid out as a zip with layers; its output goes to `log` beside it."""
    api = RuntimeApi()
    threading.Thread(target=api.serve_forever, daemon=True).start()
    variables = {
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_REGION": "eu-west-1",
        "LAMBDA_TASK_ROOT": str(task),
        "PYTHONPATH": os.pathsep.join([str(task), str(RUNTIME)]),
    }
    command = [sys.executable, "-m", "awslambdaric", "slsdeploy_runtime.app.handler"]
    with (task.parent / "log").open("wb") as log:
        client = subprocess.Popen(command, env=variables, cwd=task, stdout=log, stderr=log)
        try:
            yield api
        finally:
            client.kill()
            client.wait()
            api.events.put(None)  # lets the thread that waits for a next event go
            api.shutdown()
            api.server_close()


RESPONSE = "/invocation/8476a536-e9f4-11e8-9739-2dfe598c3fcd/response"


def test_events_of_every_trigger_are_answered_in_one_environment(tmp_path: Path) -> None:
    events = [bundles.event("http"), bundles.event("sqs", output="none")]
    with environment(bundles.write(tmp_path / "bundle", events=events)) as api:
        assert api.ask({"slsdeploy": "ready"}) == (RESPONSE, {"ready": True, "models": ["double"]})
        path, answer = api.ask(recorded("function_url"))
        assert (path, answer["statusCode"], answer["body"]) == (RESPONSE, 200, '{"predictions":[[2.0,4.0],[6.0,8.0]]}')
        failed = recorded("sqs_batch")["Records"][2]["messageId"]
        assert api.ask(recorded("sqs_batch")) == (RESPONSE, {"batchItemFailures": [{"itemIdentifier": failed}]})


def test_a_failure_of_ours_is_a_function_error_and_the_environment_goes_on(tmp_path: Path) -> None:
    handler = "def preprocess(request):\n    return {'x': [[1 / request.data, 1]]}\n"
    with environment(bundles.write(tmp_path / "bundle", handler=handler)) as api:
        path, error = api.ask(0)
        assert (path, error["errorType"]) == (RESPONSE.replace("response", "error"), "ZeroDivisionError")
        assert api.ask(1) == (RESPONSE, {"outputs": {"y": [[2.0, 2.0]]}})
    assert '"exception_name":"ZeroDivisionError"' in (tmp_path / "bundle" / "log").read_text()


def test_a_bad_handler_is_reported_as_an_init_error(tmp_path: Path) -> None:
    with environment(bundles.write(tmp_path / "bundle", handler="import not_there\n")) as api:
        path, error = api.posted.get(timeout=30)
    assert (path, error["errorType"]) == ("/init/error", "HandlerError")
    assert error["errorMessage"].startswith(
        "handler.py does not import: ModuleNotFoundError: No module named 'not_there'"
    )
