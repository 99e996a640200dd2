"""User functions that misbehave, behind every event source: what its sender is told, what the log says, and that the next works."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from slsdeploy import plugins
from slsdeploy_runtime import asgi
from slsdeploy_runtime.events import Placed
from slsdeploy_runtime.user import HandlerError
from tests.runtime import bundles
from tests.runtime.conftest import Function, Serve, logs, metrics
from tests.runtime.test_bad_events import OPTIONS
from tests.runtime.test_http import HTTP, request
from tests.runtime.test_sqs import batch, failed

SOURCES = plugins.event_sources()
# does what the request says
HANDLER = """
import asyncio, os, sys
import numpy as np

def preprocess(request):
    DO[request.data["do"]]()
    return {"x": np.ones((1, 2), np.float32)}

def raise_(error):
    raise error

def recurse():
    recurse()

class Silent(Exception):
    def __str__(self):
        raise ValueError

DO = {
    "nothing": lambda: None,
    "raise": lambda: {}["a key that is not there"],
    "recurse": recurse,
    "no memory": lambda: raise_(MemoryError()),
    "stop": lambda: next(iter(())),
    "say nothing": lambda: raise_(Silent()),
    "leave": lambda: sys.exit(3),
    "be cancelled": lambda: raise_(asyncio.CancelledError()),
    "raise a base": lambda: raise_(BaseException("of all")),
    "move": lambda: os.chdir("/"),
    "shut up": lambda: setattr(sys, "stdout", None),
    "close": lambda: sys.stdout.close(),
    "alarm": lambda: __import__("signal").signal(__import__("signal").SIGALRM, lambda *_: None),
    "thread": lambda: __import__("threading").Thread(target=lambda: 1).start(),
}
"""
RAISES = {
    "raise": "KeyError: 'a key that is not there'",
    "recurse": "RecursionError",
    "no memory": "MemoryError",
    "stop": "StopIteration",
    "say nothing": "HandlerError: preprocess raised a Silent whose __str__ fails",
    "leave": "HandlerError: preprocess called sys.exit(3)",
    "be cancelled": "HandlerError: preprocess raised CancelledError: ",
    "raise a base": "HandlerError: preprocess raised BaseException: of all",
}
HARMLESS = ["move", "shut up", "close", "alarm", "thread"]

# what tells its sender of a failure: an answer, or (a name) what is raised
FAILED_RECORD = "batchItemFailures"
SENDERS: dict[str, str] = {
    "direct": "raised",
    "http": '{"error":"the function failed; its log says why"}',
    "s3": "ObjectsFailed",
    "sqs": FAILED_RECORD,
    "sns": "raised",
    "kinesis": FAILED_RECORD,
    "dynamodb": FAILED_RECORD,
    "kafka": FAILED_RECORD,
    "eventbridge": "raised",
    "schedule": "raised",
    "stepfunctions": "raised",
    "appsync": "raised",
}


class Aws:
    """The clients of SQS and S3: every object holds what is asked, `answers` are those sent and written."""

    def __init__(self) -> None:
        self.content = b""
        self.answers = 0

    def send_message_batch(self, **call: Any) -> dict[str, Any]:
        self.answers += len(call["Entries"])
        return {}

    def get_object(self, **call: Any) -> dict[str, Any]:
        return {"Body": io.BytesIO(self.content), "ContentType": "application/json"}

    def put_object(self, **call: Any) -> None:
        self.answers += 1


Ask = Callable[[str], Any]


@pytest.fixture
def ask(serve: Serve, source: str, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Send the event source's own sample of a request to do something."""
    options = OPTIONS[""].get(source, {}) if source != "schedule" else {}
    listed = [] if source == "direct" else [bundles.event(source, **options)]
    monkeypatch.setenv(f"SLSDEPLOY_{source.upper()}TRIGGER_OUTPUT_QUEUE_URL", "the queue")
    aws = Aws()
    function: Function = serve(events=listed, handler=HANDLER, client=lambda service: aws)

    def send(what: str) -> Any:
        body: Any = {"do": what}
        if source == "direct":
            return function(body)
        module = SOURCES[source]
        aws.content = json.dumps(body).encode()
        placed = Placed(f"{source.title()}Trigger", module.Trigger(**options), {"Bucket": "flowers"})
        return function(module.sample({**body, "inputs": {}}, placed))

    return send


def told(answer: Any) -> str:
    """Return what a sender is told by an answer: "" for a success."""
    if isinstance(answer, Mapping) and answer.get(FAILED_RECORD):
        return FAILED_RECORD
    if isinstance(answer, Mapping) and answer.get("statusCode", 200) != 200:
        return str(answer["body"])
    return ""


@pytest.mark.parametrize("source", SENDERS)
def test_a_failure_is_told_in_the_senders_own_way_and_the_next_event_is_answered(
    source: str, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    for what, said in RAISES.items():
        try:
            found = told(ask(what))
        except Exception as error:
            found = type(error).__name__ if type(error).__name__ == SENDERS[source] else "raised"
        assert (what, found) == (what, SENDERS[source])
        output = capsys.readouterr().out
        (line,) = [each for each in logs(output) if each["level"] == "ERROR"]
        assert said in line["exception"] and "handler.py" in line["exception"]
        assert metrics(output)[0]["Errors"] == [1.0]
        assert told(ask("nothing")) == ""
        capsys.readouterr()


@pytest.mark.parametrize("source", SENDERS)
def test_what_a_module_does_to_its_process_does_not_keep_it_from_answering(
    source: str, ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for what in HARMLESS:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", io.StringIO())
            assert (what, told(ask(what))) == (what, "")
            assert (what, told(ask("nothing"))) == (what, "")


@pytest.mark.parametrize("what", RAISES)
def test_of_a_batch_the_record_that_it_was_for_fails_alone(serve: Serve, what: str) -> None:
    function = serve(events=[bundles.event("sqs", output="none")], handler=HANDLER)
    assert failed(function(batch({"do": "nothing"}, {"do": what}, {"do": "nothing"}))) == ["m1"]


@pytest.mark.parametrize("text", ["import sys\nsys.exit(3)\n", "import sys\nsys.exit('because')\n"])
def test_a_module_that_leaves_while_it_is_imported_stops_the_start_with_its_reason(serve: Serve, text: str) -> None:
    with pytest.raises(
        HandlerError, match=r"handler.py does not import: SystemExit: (3|because) \(.*handler.py, line 2\)"
    ):
        serve(handler=text)


APPLICATION = """
import asyncio, sys
from fastapi import FastAPI, Response

app = FastAPI()

@app.get("/good")
def good(): ...

@app.get("/leave")
def leave(): sys.exit(3)

@app.get("/leave at once")
async def leave_at_once(): sys.exit(3)

@app.get("/be cancelled")
async def be_cancelled(): raise asyncio.CancelledError

@app.get("/no JSON")
def no_json(): return object()

@app.get("/no header")
def no_header(): return Response(headers={"x": "\\u1234"})

class Raw:
    def __init__(self, *messages): self.messages = messages

    async def __call__(self, scope, receive, send):
        for message in self.messages:
            await send(message)

app.mount("/silent", Raw())
app.mount("/texts", Raw({"type": "http.response.start", "status": 200, "headers": [("x", "y")]}, {"type": "http.response.body"}))
"""


def test_an_application_that_fails_is_a_500_and_the_next_request_is_answered(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    function = serve(events=HTTP, handler=APPLICATION, application="app")
    try:
        for path in ("leave", "leave at once", "be cancelled", "no JSON", "no header", "silent/", "texts/"):
            caplog.clear()
            answer = function(request(f"/{path}"))
            assert (path, answer["statusCode"]) == (path, 500)
            assert "Traceback" not in answer["body"] and "Traceback" in caplog.text
            assert function(request("/good"))["statusCode"] == 200
    finally:
        asgi.stop()


def test_an_application_that_leaves_at_its_start_up_stops_the_environment(serve: Serve) -> None:
    application = "import sys\n\nasync def app(scope, receive, send):\n    sys.exit(4)\n"
    with pytest.raises(HandlerError, match=r"start-up failed: it called sys.exit\(4\)"):
        serve(events=HTTP, handler=application, application="app")


def test_every_event_source_is_tried() -> None:
    assert set(SENDERS) == {"direct", *SOURCES}
