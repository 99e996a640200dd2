"""Models whose outputs are lists of maps or of tensors: objects in the short forms, tensors in the Open Inference Protocol."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from tests.runtime import bundles
from tests.runtime.conftest import Serve
from tests.runtime.test_http import HTTP, send
from tests.runtime.test_oip_binary import infer, tensor

ROWS = [[0.25, 0.75], [1.0, 0.0]]
TENSORS = [{"name": "x", "shape": [2, 2], "datatype": "FP32", "data": ROWS}]


def test_a_list_of_maps_is_a_list_of_objects_in_the_short_forms(serve: Serve) -> None:
    function = serve(bundles.zipmap(["no", "yes"]), events=HTTP)
    objects = [{"no": 0.25, "yes": 0.75}, {"no": 1.0, "yes": 0.0}]
    assert function({"inputs": {"x": ROWS}}) == {"outputs": {"label": [1, 0], "probabilities": objects}}
    predictions = [{"label": 1, "probabilities": objects[0]}, {"label": 0, "probabilities": objects[1]}]
    assert function({"instances": ROWS}) == {"predictions": predictions}


@pytest.mark.parametrize("event", [{"inputs": {"x": [[1e39, 0.5]]}}, {"inputs": {"x": [["a", 0.5]]}}])
def test_what_the_model_does_not_take_is_said_as_ever(serve: Serve, event: Any) -> None:
    assert serve(bundles.zipmap())(event)["error"]["field"] == "inputs.x[0][0]"


def test_they_are_two_tensors_in_the_protocol(serve: Serve) -> None:
    function = serve(bundles.zipmap([3, 7]), events=HTTP)
    assert send(function, "/v2/models/zipmap")[1]["outputs"] == [
        {"name": "label", "datatype": "INT64", "shape": [-1]},
        {"name": "probabilities.keys", "datatype": "INT64", "shape": [-1]},
        {"name": "probabilities.values", "datatype": "FP32", "shape": [-1, -1]},
    ]
    status, answer = send(function, "/v2/models/zipmap/infer", {"inputs": TENSORS})
    assert (status, answer["outputs"][1:]) == (
        200,
        [
            {"name": "probabilities.keys", "datatype": "INT64", "shape": [2], "data": [3, 7]},
            {"name": "probabilities.values", "datatype": "FP32", "shape": [2, 2], "data": [0.25, 0.75, 1.0, 0.0]},
        ],
    )


def test_each_of_the_two_may_be_asked_for_alone_and_as_raw_bytes(serve: Serve) -> None:
    document = {
        "inputs": [tensor("x", "FP32", [1, 2], 8)],
        "outputs": [{"name": "probabilities.values", "parameters": {"binary_data": True}}],
    }
    raw = struct.pack("<2f", 0.25, 0.75)
    status, answer, found = infer(serve(bundles.zipmap(), events=HTTP), "zipmap", document, raw)
    assert (status, found, [each["name"] for each in answer["outputs"]]) == (200, raw, ["probabilities.values"])


def test_a_queues_messages_get_their_own_maps(serve: Serve) -> None:
    function = serve(bundles.zipmap())
    from slsdeploy_runtime.request import Request

    requests = [Request({"inputs": {"x": [row]}}) for row in ROWS]
    answers: list[Any] = [outcome.value for outcome in function.service.answer_all(requests)]  # type: ignore[union-attr]
    assert [answer["outputs"]["probabilities"] for answer in answers] == [
        [{"0": 0.25, "1": 0.75}],
        [{"0": 1.0, "1": 0.0}],
    ]


def test_a_list_of_tensors_is_stacked_where_it_can_be(serve: Serve) -> None:
    function = serve(bundles.split(), events=HTTP)
    assert function({"inputs": {"x": ROWS}}) == {"outputs": {"parts": [[ROWS[0]], [ROWS[1]]]}}
    status, answer = send(function, "/v2/models/split/infer", {"inputs": TENSORS})
    assert (status, answer["outputs"]) == (
        200,
        [{"name": "parts", "datatype": "FP32", "shape": [2, 1, 2], "data": [0.25, 0.75, 1.0, 0.0]}],
    )


def test_tensors_of_different_shapes_have_no_form_in_the_protocol(serve: Serve) -> None:
    function = serve(bundles.split(even=False), events=HTTP)
    rows = [*ROWS, [5.0, 6.0]]
    assert function({"inputs": {"x": rows}}) == {"outputs": {"parts": [rows[:1], rows[1:]]}}
    document = {"inputs": [{"name": "x", "shape": [3, 2], "datatype": "FP32", "data": rows}]}
    status, answer = send(function, "/v2/models/split/infer", document)
    assert (status, json.dumps(answer)) == (
        400,
        '{"error": "outputs.parts: has tensors of different shapes, for which the protocol has no form: ask with POST /predict"}',
    )
