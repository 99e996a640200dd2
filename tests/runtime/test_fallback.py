"""What answers when a model cannot: who, and how the answer, the log and the metrics say so."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from slsdeploy_runtime.model import get_model
from slsdeploy_runtime.unavailable import LoadFailed, TooSlow
from tests.runtime import bundles, staged
from tests.runtime.conftest import Function, Serve, logs, metrics, recorded
from tests.runtime.several import ANSWER, INPUTS, ROW, fail, http, three, wait

TO_B = {"fallback": {"model": "b"}}
TO_CONSTANT = {"fallback": {"outputs": {"y": [0, 1]}}}
TENSOR = {"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1, 2, 3, 4]}


def told(output: str) -> list[tuple[str, str]]:
    """Return the models and reasons of the log lines about fallbacks."""
    return [(line["model"], line["reason"]) for line in logs(output) if line["message"] == "fallback"]


def counted(output: str) -> list[float]:
    return [count for line in metrics(output) for count in line.get("Fallbacks", [])]


def test_another_model_answers_for_one_that_fails(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    function = three(serve, settings={"a": TO_B})
    staged.on_run["a"] = lambda _: fail("no")
    assert function(ROW) == {**ANSWER, "fallback": {"model": "b", "reason": "error"}}
    output = capsys.readouterr().out
    assert (told(output), counted(output)) == ([("a", "error")], [1])
    assert "RuntimeError: no" in logs(output)[0]["exception"]
    assert "Errors" not in metrics(output)[0]
    del staged.on_run["a"]
    assert function(ROW) == ANSWER


def test_a_constant_answers_once_for_each_row(serve: Serve) -> None:
    function = three(serve, settings={"a": TO_CONSTANT})
    staged.on_run["a"] = lambda _: fail("no")
    answer = function({"instances": [[1, 2], [3, 4]]})
    assert answer == {
        "predictions": [[0.0, 1.0], [0.0, 1.0]],
        "fallback": {"model": "constant", "reason": "error"},
    }
    assert function({"inputs": {"x": [[1, 2]]}})["outputs"] == {"y": [[0.0, 1.0]]}


def test_a_constant_is_the_whole_answer_of_a_model_without_rows(serve: Serve) -> None:
    settings = {"total": {"fallback": {"outputs": {"sum": [7, 8]}}}}
    handler = "def predict(model, inputs):\n    raise ValueError('no')\n"
    answer = serve(bundles.total(), settings=settings, handler=handler)({"inputs": {"x": [[1, 2], [3, 4]]}})
    assert answer == {"outputs": {"sum": [7.0, 8.0]}, "fallback": {"model": "constant", "reason": "error"}}


@pytest.mark.parametrize(
    ("fallback", "name", "said"),
    [
        (TO_B, "b", {"fallback": "b", "fallback_reason": "error"}),
        (TO_CONSTANT, "a", {"fallback": "constant", "fallback_reason": "error"}),
    ],
)
def test_the_open_inference_protocol_says_it_in_its_parameters(
    serve: Serve, fallback: dict[str, Any], name: str, said: dict[str, str]
) -> None:
    function = three(serve, settings={"a": fallback, "b": {"version": "7"}}, events=[bundles.event("http")])
    staged.on_run["a"] = lambda _: fail("no")
    body = {"id": "4", "inputs": [TENSOR]}
    answer = json.loads(function(http("/v2/models/a/infer", body))["body"])
    assert (answer["model_name"], answer["model_version"], answer["id"]) == (name, "7" if name == "b" else "1", "4")
    assert answer["parameters"] == said
    assert answer["outputs"][0]["shape"] == [2, 2]
    assert function(body)["parameters"] == said


def test_it_says_why_the_model_that_was_asked_did_not_answer(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    function = three(serve, "a", "b", "c", settings={"a": TO_B, "b": {"fallback": {"model": "c"}}})
    staged.on_load["a"] = lambda: fail("not today")
    staged.on_run["b"] = lambda _: fail("no")
    assert function(ROW) == {**ANSWER, "fallback": {"model": "c", "reason": "load"}}
    output = capsys.readouterr().out
    assert told(output) == [("a", "load"), ("b", "error")]


def test_an_eager_model_that_fails_to_load_does_not_stop_the_start_and_is_tried_again(serve: Serve) -> None:
    staged.on_load["a"] = lambda: fail("not today")
    function = three(serve, settings={"a": TO_B})
    assert staged.loads == ["a", "b", "c"]
    assert function(ROW) == {**ANSWER, "fallback": {"model": "b", "reason": "load"}}
    assert staged.loads == ["a", "b", "c"]
    del staged.on_load["a"]
    time.sleep(1.0)
    assert function(ROW) == ANSWER


def test_without_one_it_does(serve: Serve) -> None:
    staged.on_load["b"] = lambda: fail("not today")
    with pytest.raises(LoadFailed, match="model 'b' cannot be loaded: RuntimeError: not today"):
        three(serve, settings={"a": TO_B})


def test_the_callers_mistake_is_never_answered_by_a_fallback(serve: Serve) -> None:
    settings = {"lookup": {"fallback": {"outputs": {"row": [0, 0]}}}}
    function = serve(bundles.lookup(), settings=settings)
    assert "error" in function({"instances": [1, "2"]})
    refused = function({"instances": [5]})
    assert refused["error"]["message"].startswith("the model refuses these inputs")


def test_when_both_fail_it_is_the_models_own_error(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    function = three(serve, settings={"a": TO_B})
    staged.on_run["a"] = lambda _: fail("a said no")
    staged.on_run["b"] = lambda _: fail("b said no")
    with pytest.raises(RuntimeError, match="a said no"):
        function(ROW)
    output = capsys.readouterr().out
    assert (told(output), counted(output)) == ([("a", "error"), ("b", "error")], [])


def test_predict_and_postprocess_of_the_user_work_for_both(serve: Serve) -> None:
    handler = """
def predict(model, inputs):
    if model.name == "a":
        raise ValueError("not this one")
    return model.run(inputs)

def postprocess(outputs):
    return {"sum": outputs["y"].sum()}
"""
    assert three(serve, settings={"a": TO_B}, handler=handler)(ROW) == {
        "sum": 6.0,
        "fallback": {"model": "b", "reason": "error"},
    }


def test_an_answer_that_is_no_object_becomes_one(serve: Serve) -> None:
    handler = "def postprocess(outputs):\n    return outputs['y'].sum()\n"
    function = three(serve, settings={"a": TO_B}, handler=handler)
    assert function(ROW) == 6.0
    staged.on_run["a"] = lambda _: fail("no")
    assert function(ROW) == {"result": 6.0, "fallback": {"model": "b", "reason": "error"}}


class TestBatch:
    """A queue's batch."""

    def answers(self, function: Function) -> Any:
        batch = recorded("sqs_batch")
        first = batch["Records"][0]
        bodies = ('{"instances": [[1, 2]]}', '{"instances": [[5, 6]]}', '{"instances": [["7"]]}')
        batch["Records"] = [{**first, "messageId": str(i), "body": body} for i, body in enumerate(bodies)]
        return function(batch)

    def test_a_record_that_the_model_fails_at_is_the_only_one_that_the_fallback_answers(
        self, serve: Serve, capsys: pytest.CaptureFixture[str]
    ) -> None:
        bucket = Bucket()
        events = [bundles.event("sqs", output="bucket")]
        place = {"SLSDEPLOY_SQSTRIGGER_OUTPUT_BUCKET": "answers"}
        handler = """
def predict(model, inputs):
    if model.name == "a" and (inputs["x"] == 5).any():
        raise ValueError("five")
    return model.run(inputs)
"""
        function = three(
            serve,
            settings={"a": TO_B},
            handler=handler,
            events=events,
            environment=place,
            client=lambda _: bucket,
        )
        assert self.answers(function) == {"batchItemFailures": [{"itemIdentifier": "2"}]}
        assert bucket.objects == {
            "0.json": {"predictions": [[2.0, 4.0]], "message_id": "0"},
            "1.json": {
                "predictions": [[10.0, 12.0]],
                "fallback": {"model": "b", "reason": "error"},
                "message_id": "1",
            },
        }
        output = capsys.readouterr().out
        assert (told(output), counted(output)) == ([("a", "error")], [1])

    def test_of_a_model_that_cannot_be_loaded_it_is_said_once(
        self, serve: Serve, capsys: pytest.CaptureFixture[str]
    ) -> None:
        function = three(serve, "a", settings={"a": TO_B}, events=[bundles.event("sqs", output="none")])
        staged.on_load["a"] = lambda: fail("not today")
        assert self.answers(function) == {"batchItemFailures": [{"itemIdentifier": "2"}]}
        output = capsys.readouterr().out
        assert (told(output), counted(output)) == ([("a", "load")], [2])
        assert (staged.loads.count("a"), staged.runs.count("b")) == (1, 1)


class Bucket:
    """Objects that were put."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}

    def put_object(self, Key: str, Body: bytes, **_: Any) -> None:
        self.objects[Key] = json.loads(Body)


class TestTimeout:
    """A model may take 0.2 s."""

    SHORT = {"timeout": 0.2}

    def test_in_time_it_answers_itself(self, serve: Serve) -> None:
        function = three(serve, settings={"a": {"timeout": 10, **TO_B}})
        assert function(ROW) == ANSWER
        staged.on_run["a"] = lambda _: fail("no")
        assert function(ROW)["fallback"]["reason"] == "error"

    def test_a_run_that_is_late_is_ended_and_the_next_request_works(
        self, serve: Serve, capsys: pytest.CaptureFixture[str]
    ) -> None:
        function = three(serve, settings={"a": {**self.SHORT, **TO_B}})
        staged.on_run["a"] = staged.until_ended
        began = time.monotonic()
        assert function(ROW) == {**ANSWER, "fallback": {"model": "b", "reason": "timeout"}}
        assert 0.2 <= time.monotonic() - began < 1.5
        (line,) = (each for each in logs(capsys.readouterr().out) if each["message"] == "fallback")
        assert line["problem"] == "model 'a' took longer than its 0.2 s"
        del staged.on_run["a"]
        eventually(lambda: function(ROW) == ANSWER)

    def test_a_late_run_ends_no_other(self, serve: Serve) -> None:
        function = three(serve, settings={"a": {**self.SHORT, **TO_B}})
        staged.on_run["a"] = staged.until_ended
        function(ROW)
        eventually(lambda: not busy(function))
        seen: list[bool] = []
        staged.on_run["a"] = lambda options: seen.append(options.terminate)
        get_model("a").run(INPUTS)  # by the user's own code, say
        assert function(ROW) == ANSWER
        assert seen == [False, False]

    def test_a_predict_that_is_late_ends_at_its_next_run(self, serve: Serve) -> None:
        handler = """
import time

def predict(model, inputs):
    if model.name == "a":
        time.sleep(0.4)
    return model.run(inputs)
"""
        function = three(serve, settings={"a": {**self.SHORT, **TO_B}}, handler=handler)
        seen: list[bool] = []
        staged.on_run["a"] = lambda options: seen.append(options.terminate)
        assert function(ROW)["fallback"] == {"model": "b", "reason": "timeout"}
        eventually(lambda: not busy(function))
        assert seen == [True]

    def test_while_it_goes_on_the_fallback_answers_at_once(self, serve: Serve) -> None:
        function = three(serve, settings={"a": {**self.SHORT, **TO_B}})
        go_on = threading.Event()
        staged.on_run["a"] = lambda _: wait(go_on)
        function(ROW)
        began = time.monotonic()
        assert function({"instances": [[3, 4]]}) == {
            "predictions": [[6.0, 8.0]],
            "fallback": {"model": "b", "reason": "timeout"},
        }
        assert time.monotonic() - began < 0.2
        assert staged.runs.count("a") == 1
        go_on.set()
        eventually(lambda: function(ROW) == ANSWER)

    def test_loading_counts(self, serve: Serve) -> None:
        function = three(serve, "a", settings={"a": {**self.SHORT, **TO_B}})
        go_on = threading.Event()
        staged.on_load["a"] = lambda: wait(go_on)
        assert function(ROW) == {**ANSWER, "fallback": {"model": "b", "reason": "timeout"}}
        go_on.set()
        eventually(lambda: function(ROW) == ANSWER)
        assert staged.loads.count("a") == 1

    def test_without_a_fallback_it_is_an_error_over_http_a_503(self, serve: Serve) -> None:
        function = three(serve, settings={"a": self.SHORT}, events=[bundles.event("http")])
        staged.on_run["a"] = staged.until_ended
        with pytest.raises(TooSlow, match=r"model 'a' took longer than its 0\.2 s"):
            function(ROW)
        eventually(lambda: not busy(function))
        answer = function(http("/predict", ROW))
        assert (answer["statusCode"], answer["headers"]["retry-after"]) == (503, "1")

    def test_a_batch_that_is_late_is_late_once(self, serve: Serve) -> None:
        function = three(serve, settings={"a": {**self.SHORT, **TO_B}}, events=[bundles.event("sqs", output="none")])
        staged.on_run["a"] = staged.until_ended
        began = time.monotonic()
        assert TestBatch().answers(function) == {"batchItemFailures": [{"itemIdentifier": "2"}]}
        assert time.monotonic() - began < 1.5
        assert (staged.runs.count("a"), staged.runs.count("b")) == (1, 1)

    def test_onnxruntime_ends_a_run(self, serve: Serve) -> None:
        """200 products of 600 x 600 take seconds; ended between two of them, the thread is free soon."""
        settings = {"slow": {"timeout": 0.1, "fallback": {"outputs": {"y": [0]}}}}
        function = serve(bundles.slow(), settings=settings)
        began = time.monotonic()
        answer = function({"inputs": {"x": [[1.0] * 600] * 600}})
        assert answer["fallback"] == {"model": "constant", "reason": "timeout"}
        eventually(lambda: not busy(function))
        assert time.monotonic() - began < 3
        assert "fallback" not in function({"inputs": {"x": [[1.0]]}})


def busy(function: Function) -> bool:
    timed = next(iter(function.models.values())).timed
    assert timed is not None
    return timed.is_busy


def eventually(is_so: Any, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)
