"""What AppSync asks, one field or a batch: recorded events to exact answers under the schema's names."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from slsdeploy_runtime.request import BadInput
from tests.runtime import bundles
from tests.runtime.conftest import Serve, recorded

EVENTS = [bundles.event("appsync")]


def field(name: str, arguments: Any) -> Any:
    event = deepcopy(recorded("appsync"))
    event["info"]["fieldName"], event["arguments"] = name, arguments
    return event


def test_a_field_is_the_models_outputs(serve: Serve) -> None:
    assert serve(events=EVENTS)(recorded("appsync")) == {"y": [[2.0, 4.0]]}


def test_a_batch_answers_for_each_of_its_events(serve: Serve) -> None:
    answers = serve(events=EVENTS)(recorded("appsync_batch"))
    assert answers[0] == {"data": {"y": [[2.0, 4.0]]}, "errorMessage": None, "errorType": None}
    assert (answers[1]["data"], answers[1]["errorType"]) == (None, "BadInput")
    assert answers[1]["errorMessage"].startswith("inputs.x[0][0]: found the text 'a', expected numbers")
    assert answers[2]["data"] == {"y": [[6.0, 8.0], [10.0, 12.0]]}


def test_what_is_wrong_is_raised_for_a_single_field(serve: Serve) -> None:
    function = serve(events=EVENTS)
    with pytest.raises(BadInput, match="inputs: found null"):
        function(field("double", {}))
    with pytest.raises(BadInput, match=r"inputs\.z: found an input that the model does not have"):
        function(field("double", {"inputs": {"z": [[1, 2]]}}))
    assert function(recorded("appsync")) == {"y": [[2.0, 4.0]]}


def test_each_model_has_its_field(serve: Serve) -> None:
    function = serve(bundles.double(name="my-model"), bundles.lookup(), events=EVENTS)
    assert function(field("my_model", {"inputs": {"x": [[1, 2]]}})) == {"y": [[2.0, 4.0]]}
    assert function(field("lookup", {"inputs": {"index": [1]}})) == {"row": [[1.0, 1.5]]}
    with pytest.raises(BadInput, match=r"info\.fieldName: found the text 'other', expected 'my_model' or 'lookup'"):
        function(field("other", {"inputs": {}}))


def test_with_preprocess_and_postprocess_it_is_any_json(serve: Serve) -> None:
    handler = (
        "import numpy as np\n"
        "def preprocess(request):\n"
        "    assert request.meta['identity']['accountId'] == '123456789012', request.meta\n"
        "    return {'x': np.array([[len(request.data['text']), 0]])}\n"
        "def postprocess(outputs):\n"
        "    return {'length': int(outputs['y'][0][0] / 2)}\n"
    )
    function = serve(events=EVENTS, handler=handler)
    for given in (
        {"text": "four"},
        '{"text": "four"}',
    ):  # AppSync parses AWSJSON; who calls the function itself may not have
        assert json.loads(function(field("double", {"input": given}))) == {"length": 4}


def test_a_failure_of_ours_tells_a_batch_nothing_of_its_inside(serve: Serve) -> None:
    function = serve(events=EVENTS, handler="def predict(model, inputs):\n    raise ValueError('secret')\n")
    (answer,) = function([recorded("appsync")])
    assert answer == {
        "data": None,
        "errorMessage": "the function failed; its log says why",
        "errorType": "ValueError",
    }
