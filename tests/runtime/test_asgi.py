"""A project's own ASGI application: started once, asked by every front door, with the loaded model and, if it likes, our routes."""

from __future__ import annotations

import base64
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slsdeploy_runtime import asgi
from slsdeploy_runtime.user import HandlerError
from tests.runtime import bundles
from tests.runtime.conftest import Function, Serve, metrics, recorded
from tests.runtime.test_http import HTTP, request
from tests.runtime.test_start import run

FASTAPI = """
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from slsdeploy_runtime import asgi_app, get_model
import numpy as np

seen = []

@asynccontextmanager
async def lifespan(app):
    seen.append("start")
    yield {"model": get_model()}
    seen.append("stop")

app = FastAPI(lifespan=lifespan)

@app.post("/predict")
def predict(rows: list[list[float]], request: Request):
    return {"doubled": request.state.model.run({"x": np.array(rows, np.float32)})["y"].tolist(), "starts": seen.count("start")}

@app.get("/raw")
def raw():
    return Response(b"\\xff\\x00", media_type="image/png")

@app.get("/where")
def where(request: Request):
    return {"root_path": request.scope["root_path"], "url": str(request.url_for("where"))}

@app.get("/fail")
def fail():
    raise RuntimeError("no")

app.mount("/model", asgi_app())
"""


@pytest.fixture(autouse=True)
def _ended() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    asgi.stop()
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def function(serve: Serve) -> Function:
    return serve(events=HTTP, handler=FASTAPI, application="app")


def body_of(answer: Any) -> Any:
    assert answer["statusCode"] == 200, answer
    return json.loads(answer["body"])


def test_its_start_up_runs_once_and_its_state_reaches_every_request(function: Function) -> None:
    answers = [body_of(function(request("/predict", [[1, 2]]))) for _ in range(3)]
    assert answers == [{"doubled": [[2.0, 4.0]], "starts": 1}] * 3
    module = sys.modules["handler"]
    asgi.stop()
    assert module.seen == ["start", "stop"]


@pytest.mark.parametrize("name", ["function_url", "api_gateway_http", "api_gateway_rest", "alb", "alb_multi_value"])
def test_every_front_door_reaches_it(function: Function, name: str) -> None:
    event = recorded(name)
    event["body"] = "[[1, 2]]"
    event["isBase64Encoded"] = False
    answer = function(event)
    headers = answer.get("headers") or {key: value[0] for key, value in answer["multiValueHeaders"].items()}
    assert headers["x-request-id"]
    assert body_of(answer)["doubled"] == [[2.0, 4.0]]


def test_an_http_apis_stage_is_the_root_path(function: Function) -> None:
    event = recorded("api_gateway_http")
    event["requestContext"]["http"] |= {"path": "/prod/where", "method": "GET"}
    assert body_of(function(event)) == {
        "root_path": "/prod",
        "url": "https://r3pmxmplak.execute-api.eu-west-1.amazonaws.com/prod/where",
    }
    event["requestContext"]["http"] |= {"path": "/prod/model/v2", "method": "GET"}
    assert body_of(function(event))["name"] == "test"
    event["requestContext"] |= {"stage": "$default"}
    event["requestContext"]["http"] |= {"path": "/where"}
    assert body_of(function(event))["root_path"] == ""


def test_a_rest_apis_stage_is_the_root_path(function: Function) -> None:
    event = recorded("api_gateway_rest") | {"httpMethod": "GET", "path": "/where", "body": None}
    event["requestContext"] |= {"path": "/Prod/where"}
    url = "https://70ixmpl4fl.execute-api.eu-west-1.amazonaws.com/Prod/where"
    assert body_of(function(event)) == {"root_path": "/Prod", "url": url}
    event |= {"path": "/model/openapi.json"}
    event["requestContext"] |= {"path": "/Prod/model/openapi.json"}
    assert body_of(function(event))["servers"] == [{"url": "/Prod/model"}]


def test_what_a_load_balancers_rule_has_in_front_is_the_root_path(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLSDEPLOY_BALANCER_BASE", "/iris")
    event = recorded("alb") | {"httpMethod": "GET", "path": "/iris/where", "body": ""}
    assert body_of(function(event))["root_path"] == "/iris"


def test_bytes_go_out_in_base64(function: Function) -> None:
    answer = function(request("/raw"))
    assert (answer["isBase64Encoded"], base64.b64decode(answer["body"])) == (True, b"\xff\x00")


def test_request_ids_and_cold_starts_are_told_as_ever(function: Function) -> None:
    function.telemetry.initialised(0.25)
    headers = [function(request("/raw", x_request_id="mine"))["headers"] for _ in range(2)]
    assert [each["x-request-id"] for each in headers] == ["mine", "mine"]
    assert [each.get("server-timing") for each in headers] == ["init;dur=250.0", None]


def test_a_failure_is_a_500_and_the_next_request_works(function: Function, capsys: pytest.CaptureFixture[str]) -> None:
    assert function(request("/fail"))["statusCode"] == 500
    assert [line["Errors"] for line in metrics(capsys.readouterr().out)] == [[1]]
    assert body_of(function(request("/predict", [[1, 2]])))["starts"] == 1


def test_our_routes_are_there_only_where_it_mounts_them(function: Function) -> None:
    assert function(request("/v2"))["statusCode"] == 404
    assert body_of(function(request("/model/v2/models/double")))["name"] == "double"
    assert body_of(function(request("/model/predict", {"instances": [[1, 2]]}))) == {"predictions": [[2.0, 4.0]]}
    assert function(request("/model/predict", "{"))["statusCode"] == 400


def test_other_events_are_answered_as_without_it(function: Function) -> None:
    assert function({"instances": [[1, 2]]}) == {"predictions": [[2.0, 4.0]]}


BARE = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": b"[1]"})
"""
FAILS = """
async def app(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "Traceback ...\\nConnectionError: no database"})
"""


def test_an_application_that_knows_no_lifespan_is_served_all_the_same(serve: Serve) -> None:
    assert body_of(serve(events=HTTP, handler=BARE, application="app")(request("/"))) == [1]


def test_a_start_up_that_fails_stops_the_environment(serve: Serve) -> None:
    with pytest.raises(HandlerError, match="start-up failed: ConnectionError: no database"):
        serve(events=HTTP, handler=FAILS, application="app")


@pytest.mark.parametrize("handler", ["", "app = 5\n"])
def test_an_application_that_is_none_is_named(serve: Serve, handler: str) -> None:
    with pytest.raises(HandlerError, match="has no application 'app'"):
        serve(events=HTTP, handler=handler or "\n", application="app")


def test_its_shutdown_runs_when_lambda_ends_the_environment(tmp_path: Path) -> None:
    handler = FASTAPI.replace('seen.append("stop")', 'print("stopped", flush=True)')
    task = bundles.write(tmp_path / "bundle", events=HTTP, handler=handler, application="app")
    script = "from slsdeploy_runtime.app import handler\nimport os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n"
    done = run(task, script)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "stopped\n")
