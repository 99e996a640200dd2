"""Direct events: the event is the request, the return value the answer."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from slsdeploy_runtime.dispatch import UnknownEvent
from tests.runtime import bundles
from tests.runtime.conftest import Serve, logs, metrics, recorded


def test_inputs_are_answered_with_outputs(serve: Serve) -> None:
    assert serve()({"inputs": {"x": [[1, 2], [3, 4.5]]}}) == {"outputs": {"y": [[2.0, 4.0], [6.0, 9.0]]}}


def test_instances_are_answered_with_predictions(serve: Serve) -> None:
    assert serve()({"instances": [[1, 2], [3, 4]]}) == {"predictions": [[2.0, 4.0], [6.0, 8.0]]}


def test_instances_of_a_model_with_several_inputs_are_objects(serve: Serve) -> None:
    answer = serve(bundles.divide())({"instances": [{"a": 6, "b": 3}, {"a": 1, "b": 2}]})
    assert answer == {"predictions": [{"quotient": 2.0, "total": 9.0}, {"quotient": 0.5, "total": 3.0}]}


@pytest.mark.parametrize("rows", [[6, 1], [[6], [1]], [{"x": 6}, {"x": 1}], [{"x": [6]}, {"x": [1]}]])
def test_a_column_of_a_table_may_be_given_by_its_values(serve: Serve, rows: list[Any]) -> None:
    assert serve(bundles.double((-1, 1)))({"instances": rows}) == {"predictions": [[12.0], [2.0]]}


def test_the_open_inference_protocols_tensors_are_answered_in_kind(serve: Serve) -> None:
    tensor = {"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1, 2, 3, 4]}
    assert serve()({"inputs": [tensor]}) == {
        "model_name": "double",
        "model_version": "1",
        "outputs": [{"name": "y", "shape": [2, 2], "datatype": "FP32", "data": [2.0, 4.0, 6.0, 8.0]}],
    }


def test_what_json_cannot_say_is_null(serve: Serve) -> None:
    answer = serve(bundles.divide())({"inputs": {"a": [1, 0, 4], "b": [0, 0, 2]}})
    assert answer == {"outputs": {"quotient": [None, None, 2.0], "total": [1.0, 0.0, 6.0]}}


def test_the_smoke_test_of_up_names_the_models(serve: Serve) -> None:
    assert serve()({"slsdeploy": "ready"}) == {"ready": True, "models": ["double"]}


def test_a_measurement_asks_for_the_marks_of_the_start_and_the_memory(serve: Serve) -> None:
    report = serve()({"slsdeploy": "phases"})
    marks = [name for name, _ in report["marks"]]
    assert marks[-3:] == ["engine", "session", "warm_up"]  # the others are app.py's: see test_start
    assert all(report["started"] < moment < time.perf_counter() for _, moment in report["marks"])
    assert report["memory"]["peak"] > 10_000_000
    assert json.loads(json.dumps(report)) == report


def test_the_second_of_two_models_is_asked_by_name(serve: Serve) -> None:
    function = serve(bundles.double(), bundles.same("BYTES"))
    assert function({"model": "same", "instances": ["a", "ö"]}) == {"predictions": ["a", "ö"]}
    assert function({"instances": [[1, 2]]}) == {"predictions": [[2.0, 4.0]]}
    assert function({"model": "sane", "instances": []})["error"]["message"] == (
        "model: found the text 'sane', expected 'double' or 'same'"
    )


def test_bad_input_is_answered_not_raised(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    answer = serve()({"inputs": {"x": [[1, "NaN"]]}})
    assert answer == {
        "error": {
            "type": "BadInput",
            "message": "inputs.x[0][1]: found the text 'NaN', expected numbers (FP32 [-1, 2])",
            "field": "inputs.x[0][1]",
            "found": "the text 'NaN'",
            "expected": "numbers (FP32 [-1, 2])",
        }
    }
    output = capsys.readouterr().out
    assert [(line["level"], line["message"]) for line in logs(output)] == [("WARNING", "bad input")]
    assert metrics(output)[0]["Errors"] == metrics(output)[0]["BadInputs"] == [1.0]


def test_values_that_only_an_operator_refuses_are_bad_input(serve: Serve) -> None:
    function = serve(bundles.lookup())
    assert function({"instances": [2]}) == {"predictions": [[2.0, 2.5]]}
    message = function({"instances": [7]})["error"]["message"]
    assert message.startswith("the model refuses these inputs: indices element out of data bounds, idx=7")


def test_inputs_with_different_numbers_of_rows_are_named(serve: Serve) -> None:
    answer = serve(bundles.divide())({"inputs": {"a": [1, 2, 3], "b": [1, 2]}})
    assert answer["error"]["message"] == "inputs: found different numbers of rows (a 3, b 2), expected as many of each"


@pytest.mark.parametrize(("batch", "rows"), [(1, 3), (2, 3), (2, 4), (4, 2)])
def test_instances_of_a_model_with_a_fixed_batch_run_in_portions(serve: Serve, batch: int, rows: int) -> None:
    function = serve(bundles.double((batch, 2)))
    answer = function({"instances": [[row, row + 1] for row in range(rows)]})
    assert answer == {"predictions": [[2.0 * row, 2.0 * (row + 1)] for row in range(rows)]}


@pytest.mark.parametrize("name", ["sqs_batch", "s3_put", "function_url", "alb"])
def test_an_event_without_a_trigger_is_raised_so_that_nothing_is_lost(serve: Serve, name: str) -> None:
    with pytest.raises(UnknownEvent, match="no trigger for"):
        serve()(recorded(name))


@pytest.mark.parametrize(
    "event", [None, 7, "text", [1], {}, {"rows": 1}, {"inputs": 1}, {"instances": []}, {"inputs": {}}]
)
def test_anything_else_is_bad_input(serve: Serve, event: Any) -> None:
    assert serve()(event)["error"]["type"] == "BadInput"
