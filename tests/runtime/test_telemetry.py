"""The lines that a function writes: one of metrics per invocation, one of log for what went wrong."""

from __future__ import annotations

import pytest

from tests.runtime import bundles
from tests.runtime.conftest import Serve, logs, metrics, recorded

REQUEST_ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"


def test_an_invocation_writes_one_line_of_metrics(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    function = serve()
    function({"instances": [[1, 2], [3, 4]]})
    output = capsys.readouterr().out
    (line,) = metrics(output)
    assert len(output.splitlines()) == 1
    names = {each["Name"]: each["Unit"] for each in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert names == {"InferenceTime": "Milliseconds", "BatchSize": "Count"}
    assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "slsdeploy"
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]
    assert (line["BatchSize"], line["function_request_id"]) == ([2.0], REQUEST_ID)
    assert 0 < line["InferenceTime"][0] < 1000


@pytest.mark.parametrize("is_told", [False, True])
def test_a_request_that_fails_counts_once(serve: Serve, capsys: pytest.CaptureFixture[str], is_told: bool) -> None:
    telemetry = serve().telemetry
    telemetry.begin(None)
    if is_told:  # by our routes, mounted in an application
        telemetry.failure(RuntimeError("no"), "POST /model/predict")
    telemetry.unanswered()
    telemetry.end()
    assert [line["Errors"] for line in metrics(capsys.readouterr().out)] == [[1]]


def test_only_the_first_invocation_is_a_cold_start(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    function = serve()
    function.telemetry.loaded(0.25)
    function.telemetry.initialised(0.5)
    function({"slsdeploy": "ready"})
    function({"slsdeploy": "ready"})
    (line,) = metrics(capsys.readouterr().out)
    assert (line["ColdStart"], line["ModelLoadTime"]) == ([1.0], [250.0])


def test_metrics_are_written_though_the_function_fails(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    function = serve(handler="def preprocess(request):\n    return request.nothing\n")
    with pytest.raises(AttributeError):
        function({})
    output = capsys.readouterr().out
    assert metrics(output)[0]["Errors"] == [1.0]
    assert "BadInputs" not in metrics(output)[0]
    (line,) = logs(output)
    assert (line["level"], line["where"], line["function_request_id"]) == ("ERROR", "direct", REQUEST_ID)
    assert "return request.nothing" in line["exception"]


def test_a_health_check_writes_nothing(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    event = recorded("function_url")
    event["requestContext"]["http"] |= {"method": "GET", "path": "/v2/health/live"}
    assert serve(events=[bundles.event("http")])(event)["statusCode"] == 200
    assert capsys.readouterr().out == ""


def test_the_users_own_logger_and_metrics_join_in(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    handler = """
from aws_lambda_powertools.metrics import Metrics

def postprocess(outputs):
    Metrics().add_metric("Flowers", "Count", 3)
    return outputs
"""
    serve(handler=handler)({"instances": [[1, 2]]})
    ours, users = metrics(capsys.readouterr().out)
    assert (ours["BatchSize"], users["Flowers"]) == ([1.0], [3.0])
