"""The user's module: each function is optional, and whatever is wrong with it is said in a way that helps."""

from __future__ import annotations

from typing import Any

import pytest

from slsdeploy_runtime.user import HandlerError
from tests.runtime import bundles
from tests.runtime.conftest import Serve, metrics


def test_predict_may_replace_the_model(serve: Serve) -> None:
    handler = """
from slsdeploy_runtime import Model, get_model

def predict(model: Model, inputs):
    assert model is get_model() is get_model("double")
    return {"y": model.run(inputs)["y"] + 0.5, "rows": [len(inputs["x"])]}
"""
    assert serve(handler=handler)({"inputs": {"x": [[1, 2]]}}) == {"outputs": {"y": [[2.5, 4.5]], "rows": [1]}}


def test_the_public_names_are_the_runtimes_own(serve: Serve) -> None:
    handler = """
from slsdeploy_runtime import BadInput, Model, Request, get_model

def preprocess(request):
    raise BadInput(f"{isinstance(request, Request)} {isinstance(get_model(), Model)} {request.data} {request.source}")
"""
    assert serve(handler=handler)({"any": "thing"})["error"]["message"] == "True True {'any': 'thing'} direct"


def test_a_preprocess_may_return_another_width_of_the_same_kind(serve: Serve) -> None:
    handler = "import numpy as np\ndef preprocess(request):\n    return {'x': np.array(request.data)}\n"
    assert serve(handler=handler)([[0.1, 2]]) == {"outputs": {"y": [[0.20000000298023224, 4.0]]}}


def test_the_wrong_shape_of_a_preprocess_is_the_callers_data(serve: Serve) -> None:
    handler = "import numpy as np\ndef preprocess(request):\n    return {'x': np.array(request.data, float)}\n"
    error = serve(handler=handler)([[1, 2, 3]])["error"]
    assert error["message"] == "inputs.x: found shape [1, 3], expected shape [-1, 2] (-1: any size)"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return None", "preprocess returned null: it must return a dict of arrays by input name"),
        ("return {'X': 1}", r"preprocess\.X: found an input that the model does not have, expected 'x'"),
        ("return {}", r"preprocess\.x: found nothing, expected FP32 \[-1, 2\]"),
        ("return {'x': [['a', 'b']]}", r"preprocess returned <U1 for x: the model takes FP32 \[-1, 2\]"),
        ("return {'x': [[1j, 2]]}", r"preprocess returned complex128 for x"),
    ],
)
def test_what_else_a_preprocess_returns_wrong_is_the_handlers_bug(serve: Serve, body: str, message: str) -> None:
    function = serve(handler=f"def preprocess(request):\n    {body}\n")
    with pytest.raises(HandlerError, match=message):
        function({})


@pytest.mark.parametrize("body", ["return None", "return []", "return {}"])
def test_a_predict_must_return_arrays_by_name(serve: Serve, body: str) -> None:
    function = serve(handler=f"def predict(model, inputs):\n    {body}\n")
    with pytest.raises(HandlerError, match="it must return a dict of arrays by output name"):
        function({"instances": [[1, 2]]})


def test_an_answer_that_json_cannot_hold_is_the_handlers_bug(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    function = serve(handler="def postprocess(outputs):\n    return {'raw': outputs['y'].tobytes()}\n")
    with pytest.raises(TypeError, match=r"postprocess's answer\['raw'\] is a bytes, which JSON cannot hold"):
        function({"instances": [[1, 2]]})
    assert metrics(capsys.readouterr().out)[0]["Errors"] == [1.0]


def test_a_postprocess_without_a_preprocess_answers_every_form(serve: Serve) -> None:
    function = serve(handler="def postprocess(outputs):\n    return outputs['y'].sum(axis=1)\n")
    assert function({"instances": [[1, 2], [3, 4]]}) == [6.0, 14.0]
    assert function({"inputs": {"x": [[1, 2]]}}) == [6.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "import pillow_that_is_not_there\n",
            "handler.py does not import: ModuleNotFoundError: No module named 'pillow_that",
        ),
        ("import pillow_that_is_not_there\n", "must be in the requirements"),
        ("def preprocess(:\n", "handler.py does not import: SyntaxError: "),
        ("1 / 0\n", "handler.py does not import: ZeroDivisionError: division by zero"),
        ("x = 1\n", "handler.py has none of preprocess, predict, postprocess"),
        ("def pre_process(request): ...\n", "did you mean 'preprocess' by 'pre_process'?"),
        ("preprocess = {}\n", "preprocess in handler.py is a dict, not a function"),
    ],
)
def test_a_module_that_cannot_be_used_stops_the_start(serve: Serve, text: str, message: str) -> None:
    with pytest.raises(HandlerError) as caught:
        serve(handler=text)
    assert message in str(caught.value)


def test_rows_of_a_fixed_batch_reach_a_predict_in_portions(serve: Serve) -> None:
    handler = """
def predict(model, inputs):
    assert inputs["x"].shape == (1, 2)
    return model.run(inputs)
"""
    function: Any = serve(bundles.double((1, 2)), handler=handler)
    assert function({"instances": [[1, 2], [3, 4]]}) == {"predictions": [[2.0, 4.0], [6.0, 8.0]]}
