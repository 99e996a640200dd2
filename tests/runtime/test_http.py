"""HTTP events as AWS sends them, and exactly what is answered."""

from __future__ import annotations

import base64
import json
from random import Random
from typing import Any

import pytest

from slsdeploy_runtime import http_event, http_ways
from tests.runtime import bundles
from tests.runtime.conftest import Function, Serve, logs, recorded

ANSWER = '{"predictions":[[2.0,4.0],[6.0,8.0]]}'
HTTP = [bundles.event("http")]


def request(path: str, body: Any = None, method: str | None = None, **headers: str) -> dict[str, Any]:
    """Return a Function URL's event; a body that is no text goes as JSON."""
    event: dict[str, Any] = recorded("function_url")
    event["requestContext"]["http"] |= {"path": path, "method": method or ("GET" if body is None else "POST")}
    event["headers"] |= {name.replace("_", "-"): value for name, value in headers.items()}
    event["body"] = body if isinstance(body, str | None) else json.dumps(body)
    return event


def send(function: Function, *args: Any, **headers: str) -> tuple[int, Any]:
    answer = function(request(*args, **headers))
    assert answer["headers"]["content-type"] == "application/json"
    return answer["statusCode"], json.loads(answer["body"])


@pytest.mark.parametrize(
    ("name", "key", "content_type"),
    [
        ("function_url", "headers", "application/json"),
        ("api_gateway_http", "headers", "application/json"),
        ("api_gateway_rest", "headers", "application/json"),
        ("alb", "headers", "application/json"),
        ("alb_multi_value", "multiValueHeaders", ["application/json"]),
    ],
)
def test_every_front_door_gets_the_answer_in_its_own_form(serve: Serve, name: str, key: str, content_type: Any) -> None:
    answer = serve(events=HTTP)(recorded(name))
    headers = answer.pop(key)
    assert answer == {"statusCode": 200, "body": ANSWER, "isBase64Encoded": False}
    assert headers.pop("server-timing")
    assert list(headers.items()) == [("content-type", content_type), ("x-request-id", headers["x-request-id"])]


def test_a_cold_start_is_told_to_its_caller_only(serve: Serve) -> None:
    function = serve(events=HTTP)
    function.telemetry.initialised(0.25)
    answers = [function(request("/v2/health/live")) for _ in range(2)]
    timings = [answer["headers"]["server-timing"] for answer in answers]
    assert [timing.startswith("init;dur=250.0, total;dur=") for timing in timings] == [True, False]


def test_a_body_in_base64_is_decoded(serve: Serve) -> None:
    event = request("/predict", base64.b64encode(b'{"instances": [[1, 2], [3, 4]]}').decode())
    assert serve(events=HTTP)(event | {"isBase64Encoded": True})["body"] == ANSWER


@pytest.mark.parametrize(
    ("name", "path", "whole", "base"),
    [
        ("alb", "/iris/openapi.json", "", "/iris"),
        ("alb", "/openapi.json", "", ""),  # another rule's, without it
        ("api_gateway_rest", "/openapi.json", "/Prod/openapi.json", "/Prod"),
        ("api_gateway_rest", "/openapi.json", "/openapi.json", ""),
        ("api_gateway_rest", "/openapi.json", "/base/path/openapi.json", "/base/path"),  # a domain of one's own
    ],
)
def test_what_is_in_front_of_the_path_is_the_documents_server(
    name: str, path: str, whole: str, base: str, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(http_ways.BASE, "/iris")
    event = recorded(name) | {"httpMethod": "GET", "path": path, "body": "", "isBase64Encoded": False}
    event["requestContext"] |= {"path": whole} if whole else {}
    document = json.loads(serve(events=HTTP)(event)["body"])
    assert document["paths"] and document.get("servers") == ([{"url": base}] if base else None)


@pytest.mark.parametrize("arn", [None, "arn:aws:iam::123456789012:user/me"])
def test_a_rest_api_says_who_signed(arn: str | None) -> None:
    event = recorded("api_gateway_rest")
    event["requestContext"]["identity"]["userArn"] = arn
    assert http_event.read(event).is_signed == (arn is not None)


def test_direct_events_are_still_answered(serve: Serve) -> None:
    assert serve(events=HTTP)({"instances": [[1, 2]]}) == {"predictions": [[2.0, 4.0]]}


METADATA = {
    "name": "double",
    "versions": ["1"],
    "platform": "onnxruntime_onnx",
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
    "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 2]}],
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        ("/v2", {"name": "test", "version": "1", "extensions": ["binary_tensor_data"]}),
        ("/v2/", {"name": "test", "version": "1", "extensions": ["binary_tensor_data"]}),
        ("/v2/models/double", METADATA),
        ("/v2/models/double/versions/1", METADATA),
        ("/v2/models/double/ready", {"name": "double", "ready": True}),
        ("/v2/models/double/versions/1/ready", {"name": "double", "ready": True}),
    ],
)
def test_the_open_inference_protocol_tells_of_itself(serve: Serve, path: str, expected: dict[str, Any]) -> None:
    assert send(serve(events=HTTP), path) == (200, expected)


@pytest.mark.parametrize("path", ["/v2/models/divide/infer", "/v2/models/divide/versions/1/infer"])
def test_infer_answers_the_outputs_that_are_asked_for(serve: Serve, path: str) -> None:
    tensors = [
        {"name": "b", "shape": [2], "datatype": "FP32", "data": [2, 4]},
        {"name": "a", "shape": [2], "datatype": "FP32", "data": [6, 8]},
    ]
    status, answer = send(
        serve(bundles.divide(), events=HTTP), path, {"id": "42", "inputs": tensors, "outputs": [{"name": "total"}]}
    )
    assert (status, answer) == (
        200,
        {
            "model_name": "divide",
            "model_version": "1",
            "id": "42",
            "outputs": [{"name": "total", "datatype": "FP32", "shape": [2], "data": [8.0, 12.0]}],
        },
    )


def tensor(**changes: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2], **changes}]}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "body: found a list of 0, expected {"),
        ({}, "inputs: found null, expected a list of {name, shape, datatype, data}"),
        ({"inputs": [1]}, "inputs[0]: found the number 1, expected an object with name, shape, datatype, data"),
        ({"inputs": []}, "inputs.x: found nothing, expected FP32 [-1, 2]"),
        (tensor(name="X"), "inputs[0].name: found the text 'X', expected 'x'"),
        (tensor(datatype="INT64"), "inputs[0].datatype: found the text 'INT64', expected FP32"),
        (tensor(shape=[2, 2]), "inputs[0].data: found 2 elements, expected 4, as shape [2, 2] says"),
        (tensor(shape=[2]), "inputs[0].shape: found shape [2], expected shape [-1, 2] (-1: any size)"),
        (tensor(shape=[1, -2]), "inputs[0].shape: found a list of 2, expected a list of sizes"),
        (tensor(shape="12"), "inputs[0].shape: found the text '12', expected a list of sizes"),
        (tensor(data=["a", 1]), "inputs[0].data[0]: found the text 'a', expected numbers (FP32 [-1, 2])"),
        (tensor(data={}), "inputs[0].data: found an empty object, expected a list of FP32"),
        ({"inputs": tensor()["inputs"] * 2}, "inputs[1].name: found 'x' a second time, expected each input once"),
        ({**tensor(), "outputs": [{"name": "z"}]}, "outputs[0].name: found the text 'z', expected 'y'"),
        ({**tensor(), "outputs": "y"}, "outputs: found the text 'y', expected a list of {name}"),
        ({**tensor(), "outputs": [{}]}, "outputs[0].name: found null, expected 'y'"),
    ],
)
def test_infer_names_what_is_wrong(serve: Serve, body: Any, message: str) -> None:
    status, answer = send(serve(events=HTTP), "/v2/models/double/infer", body)
    assert status == 400
    assert answer["error"].startswith(message)


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ("", "body", "body: found nothing (it is empty), expected JSON"),
        ("not JSON", "body", "body: not JSON: Expecting value: line 1 column 1 (char 0)"),
        (
            '{"instances": [[1, NaN]]}',
            "instances[0][1]",
            "instances[0][1]: found NaN, expected a finite number, as JSON has them",
        ),
        ([1], "body", 'body: found a list of 1, expected {"inputs": {name: values}} or {"instances": [rows]}'),
        ({"input": 1}, "body", "body: found an object with 'input', expected {"),
        (
            {"inputs": {"X": [[1, 2]]}},
            "inputs.X",
            "inputs.X: found an input that the model does not have, expected 'x'",
        ),
        ({"inputs": {}}, "inputs.x", "inputs.x: found nothing, expected FP32 [-1, 2]"),
        ({"inputs": 3}, "inputs", "inputs: found the number 3, expected an object with 'x'"),
        ({"inputs": {"x": [1, 2]}}, "inputs.x", "inputs.x: found shape [2], expected shape [-1, 2] (-1: any size)"),
        (
            {"inputs": {"x": [[1, 2, 3]]}},
            "inputs.x",
            "inputs.x: found shape [1, 3], expected shape [-1, 2] (-1: any size)",
        ),
        ({"inputs": {"x": [["a", 2]]}}, "inputs.x[0][0]", "inputs.x[0][0]: found the text 'a', expected numbers (FP32"),
        ({"inputs": {"x": [[1, 2], [3]]}}, "inputs.x[1]", "inputs.x[1]: found a list of 1, expected a list of 2"),
        ({"instances": 3}, "instances", "instances: found the number 3, expected a list with at least one row"),
        ({"instances": []}, "instances", "instances: found a list of 0, expected a list with at least one row"),
        ({"instances": [[1]]}, "instances", "instances: found shape [1, 1], expected shape [-1, 2] (-1: any size)"),
        (
            {"instances": [{"x": [1, 2]}, 5]},
            "instances[1]",
            "instances[1]: found the number 5, expected an object with 'x'",
        ),
        ({"instances": [{"z": 1}]}, "instances[0].z", "instances[0].z: found an input that the model does not have"),
        ({"inputs": {}, "instances": []}, "body", "body: found both 'inputs' and 'instances', expected one of them"),
    ],
)
def test_predict_names_what_is_wrong(serve: Serve, body: Any, field: str, message: str) -> None:
    status, answer = send(serve(events=HTTP), "/predict", body)
    assert status == 400
    assert (answer["field"], answer["error"][: len(message)]) == (field, message)
    assert set(answer) == {"error", "field", "found", "expected"}


@pytest.mark.parametrize(
    ("path", "method", "status", "message"),
    [
        ("/predict/now", "POST", 404, "there is no model 'now'; there is 'double'"),
        ("/v2/models/triple", "GET", 404, "there is no model 'triple'; there is 'double'"),
        ("/v2/models/triple/infer", "POST", 404, "there is no model 'triple'; there is 'double'"),
        ("/v2/models/double/versions/2/infer", "POST", 404, "model 'double' has no version '2'; it has '1'"),
        ("/predict", "GET", 405, "/predict does not take GET: use POST, OPTIONS"),
        ("/predict", "HEAD", 405, "/predict does not take HEAD: use POST, OPTIONS"),
        ("/v2/health/live", "DELETE", 405, "/v2/health/live does not take DELETE: use GET, HEAD, OPTIONS"),
        ("/v2/health/live", "get", 405, "/v2/health/live does not take get: use GET, HEAD, OPTIONS"),
    ],
)
def test_unknown_paths_and_methods_are_named(serve: Serve, path: str, method: str, status: int, message: str) -> None:
    answer = serve(events=HTTP)(request(path, "{}", method))
    assert answer["statusCode"] == status
    if method == "HEAD":
        assert answer["body"] == ""
    else:
        assert json.loads(answer["body"])["error"].startswith(message)
    assert answer["headers"].get("allow") == (message.rpartition("use ")[2] if status == 405 else None)


def test_a_body_above_lambdas_limit_is_a_413(serve: Serve) -> None:
    status, answer = send(serve(events=HTTP), "/predict", " " * 7_000_000)
    assert (status, answer) == (413, {"error": "the body has 7000000 bytes, Lambda takes 6291456: send fewer rows"})


def test_an_answer_above_lambdas_limit_is_a_413_too(serve: Serve) -> None:
    handler = 'def postprocess(outputs):\n    return "x" * 7_000_000\n'
    status, answer = send(serve(events=HTTP, handler=handler), "/predict", {"instances": [[1, 2]]})
    message = "the answer has 7001028 bytes as Lambda wraps it, 6291456 can be answered: "
    message += 'ask for fewer rows, or for gzip, or deploy with large_answers = "s3"'
    assert (status, answer["error"]) == (413, message)


def lambda_bytes(answer: Any) -> int:
    """Return how many bytes the managed runtimes send to Lambda for an answer."""
    return len(json.dumps(answer, ensure_ascii=False).encode())


@pytest.mark.parametrize(("count", "status"), [(1_000, 200), (900_000, 200), (1_050_000, 413)])
def test_quotes_count_twice_in_an_answer(serve: Serve, count: int, status: int) -> None:
    handler = f'def postprocess(outputs):\n    return ["a"] * {count}\n'
    answer = serve(events=HTTP, handler=handler)(request("/predict", {"instances": [[1, 2]]}))
    assert answer["statusCode"] == status
    assert lambda_bytes(answer) < 6_291_456


def test_backslashes_count_twice_too(serve: Serve) -> None:
    handler = 'def postprocess(outputs):\n    return {"labels": ["\\n"] * 900_000}\n'
    answer = serve(events=HTTP, handler=handler)(request("/predict", {"instances": [[1, 2]]}))
    assert (answer["statusCode"], lambda_bytes(answer) < 1000) == (413, True)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json; charset=utf-8", 200),
        ("application/vnd.api+json", 200),
        ("application/x-www-form-urlencoded", 200),
        ("text/plain", 200),
        ("image/png", 415),
        ("multipart/form-data; boundary=x", 415),
    ],
)
def test_only_a_content_type_that_cannot_be_json_is_refused(serve: Serve, content_type: str, status: int) -> None:
    assert send(serve(events=HTTP), "/predict", {"instances": [[1, 2]]}, content_type=content_type)[0] == status


def test_a_failure_of_ours_is_a_500_without_a_traceback_and_a_log_line_with_it(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = "def preprocess(request):\n    return 1 / 0\n"
    status, answer = send(serve(events=HTTP, handler=handler), "/predict", {})
    assert (status, answer) == (500, {"error": "the function failed; its log says why"})
    (line,) = logs(capsys.readouterr().out)
    assert line["level"] == "ERROR"
    assert "ZeroDivisionError" in line["exception"] and "return 1 / 0" in line["exception"]
    assert line["function_request_id"] == "8476a536-e9f4-11e8-9739-2dfe598c3fcd"


def test_a_preprocess_gets_the_body_as_it_came(serve: Serve) -> None:
    handler = """
from slsdeploy_runtime import BadInput
import numpy as np

def preprocess(request):
    if request.content_type != "image/png":
        raise BadInput(f"image: found {request.content_type}, expected image/png", field="image")
    assert request.source == "http" and request.meta["headers"]["accept"] == "*/*" and request.meta["path"] == "/predict"
    return {"x": np.frombuffer(request.data, np.uint8).reshape(1, 2).astype(np.float64)}

def postprocess(outputs):
    return {"sum": outputs["y"].sum()}
"""
    function = serve(events=HTTP, handler=handler)
    event = request("/predict", base64.b64encode(b"\x01\x02").decode(), "POST", content_type="image/png")
    assert json.loads(function(event | {"isBase64Encoded": True})["body"]) == {"sum": 6.0}
    status, answer = send(function, "/predict", {"instances": []})
    assert (status, answer["field"], answer["error"]) == (
        400,
        "image",
        "image: found application/json, expected image/png",
    )


def test_what_there_is_is_listed_and_browsers_are_sent_to_the_page(serve: Serve) -> None:
    function = serve(events=HTTP)
    status, listed = send(function, "/")
    assert (status, listed["models"]) == (200, ["double"])
    assert {"POST /predict", "GET /docs", "GET /openapi.json", "GET /"} < set(listed["routes"])
    answer = function(request("/", accept="text/html,application/xhtml+xml"))
    assert (answer["statusCode"], answer["headers"]["location"]) == (302, "docs")


def test_head_is_get_without_its_body_and_options_says_what_there_is(serve: Serve) -> None:
    function = serve(events=HTTP)
    head, options = function(request("/v2", method="HEAD")), function(request("/predict", method="OPTIONS"))
    assert (head["statusCode"], head["body"], head["isBase64Encoded"]) == (200, "", False)
    assert (options["statusCode"], options["body"], options["headers"]["allow"]) == (204, "", "POST, OPTIONS")
    assert function(request("/nowhere", method="OPTIONS"))["statusCode"] == 404


LAMBDAS = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"


@pytest.mark.parametrize(
    ("header", "body_id", "expected"),
    [
        ("mine-1", "body", "mine-1"),
        (None, "body", "body"),
        (None, None, LAMBDAS),
        ("", None, LAMBDAS),
        ("a\r\nset-cookie: b", None, LAMBDAS),
        ("x" * 129, None, LAMBDAS),
        (None, "ö", LAMBDAS),
    ],
)
def test_a_request_id_goes_in_and_out(serve: Serve, header: str | None, body_id: str | None, expected: str) -> None:
    body = tensor() if body_id is None else {**tensor(), "id": body_id}
    headers = {} if header is None else {"x_request_id": header}
    answer = serve(events=HTTP)(request("/v2/models/double/infer", body, **headers))
    assert (answer["statusCode"], answer["headers"]["x-request-id"]) == (200, expected)
    assert json.loads(answer["body"]).get("id") == body_id


def test_a_request_id_is_in_every_line_of_its_own_request_only(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    function = serve(events=HTTP)
    for name in ("one", "two"):
        send(function, "/predict", [], x_request_id=name)
    function({"instances": 5})
    assert [line.get("request_id") for line in logs(capsys.readouterr().out)] == ["one", "two", None]


def test_the_phases_of_a_prediction_are_told_in_milliseconds(serve: Serve) -> None:
    header = serve(events=HTTP)(request("/predict", {"instances": [[1, 2]]}))["headers"]["server-timing"]
    phases = {name: float(value) for name, value in (part.split(";dur=") for part in header.split(", "))}
    assert list(phases) == ["decode", "inference", "encode", "total"]
    assert all(value > 0 for value in phases.values())
    assert phases["total"] == pytest.approx(phases["decode"] + phases["inference"] + phases["encode"], abs=0.01)


def test_a_bad_input_of_the_users_says_what_it_said_and_no_more(serve: Serve) -> None:
    handler = "from slsdeploy_runtime import BadInput\n\ndef preprocess(request):\n    raise BadInput('no flower')\n"
    function = serve(events=HTTP, handler=handler)
    assert send(function, "/predict", {}) == (400, {"error": "no flower"})
    assert function({}) == {"error": {"type": "BadInput", "message": "no flower"}}


def test_errors_of_the_protocol_are_in_its_own_form(serve: Serve) -> None:
    function = serve(events=HTTP)
    for body in ({"inputs": 5}, "{", {**tensor(), "id": 5}):
        status, answer = send(function, "/v2/models/double/infer", body)
        assert (status, list(answer)) == (400, ["error"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"parameters": {"shared_memory_region": "a"}},
            "inputs[0].parameters.shared_memory_region: found an extension",
        ),
        ({"shape": [0, 2**62]}, "inputs[0].shape: found shape [0, 46"),
        ({"shape": [2**62, 2]}, "inputs[0].data: found 2 elements, expected 9223372036854775808"),
        ({"shape": [2**64, 2]}, "inputs[0].shape: found a list of 2, expected a list of sizes"),
        ({"shape": [1] * 100}, "inputs[0].shape: found shape [1, 1,"),
        ({"data": 1}, "inputs[0].data: found the number 1, expected a list of FP32"),
    ],
)
def test_sizes_that_overflow_and_extensions_that_are_not_served(serve: Serve, changes: Any, message: str) -> None:
    status, answer = send(serve(events=HTTP), "/v2/models/double/infer", tensor(**changes))
    assert (status, answer["error"][: len(message)]) == (400, message)


def test_parameters_that_nobody_knows_are_taken(serve: Serve) -> None:
    body = {**tensor(parameters={"sent_by": "me"}), "parameters": {"priority": 1, "timeout": 5}, "id": ""}
    status, answer = send(serve(events=HTTP), "/v2/models/double/infer", body)
    assert (status, answer["id"], answer["outputs"][0]["data"]) == (200, "", [2.0, 4.0])


@pytest.mark.parametrize(
    ("datatype", "values"),
    [
        ("UINT64", [2**64 - 1, 0, 9007199254740993]),
        ("INT64", [-(2**63), 2**63 - 1, 9007199254740993]),
        ("INT64", [9007199254740993, 1.0]),
        ("UINT64", [2**64 - 1, 1.0]),
        ("FP64", [1e308, -0.5]),
    ],
)
def test_integers_of_64_bits_survive(serve: Serve, datatype: str, values: list[float]) -> None:
    function = serve(bundles.same(datatype), events=HTTP)
    for path, body in (("/predict", {"inputs": {"in": values}}), ("/predict", {"instances": values})):
        assert function(request(path, body))["statusCode"] == 200
    tensors = [{"name": "in", "datatype": datatype, "shape": [len(values)], "data": values}]
    status, answer = send(function, "/v2/models/same/infer", {"inputs": tensors})
    assert (status, answer["outputs"][0]["data"]) == (200, values)


def test_not_a_number_is_null(serve: Serve) -> None:
    function = serve(bundles.divide(), events=HTTP)
    rows = [{"a": 0, "b": 0}, {"a": 1, "b": 0}, {"a": 1, "b": 2}]
    _, answer = send(function, "/predict", {"instances": rows})
    assert [row["quotient"] for row in answer["predictions"]] == [None, None, 0.5]


LEAVES: list[Any] = [None, True, 0, -1, 2.5, 1e39, 10**30, "NaN", "", [], {}, [1, 2], [[1, 2]], float("inf")]
KEYS = [
    "x",
    "inputs",
    "instances",
    "name",
    "shape",
    "datatype",
    "data",
    "outputs",
    "parameters",
    "id",
    "binary_data_size",
]


def anything(random: Random, depth: int = 0) -> Any:
    """Return some JSON, made of the protocols' own words."""
    kind = random.random()
    if depth > 3 or kind < 0.35:
        return random.choice(LEAVES)
    if kind < 0.7:
        return [anything(random, depth + 1) for _ in range(random.randrange(4))]
    return {random.choice(KEYS): anything(random, depth + 1) for _ in range(random.randrange(4))}


@pytest.mark.parametrize("path", ["/predict", "/v2/models/double/infer"])
def test_no_body_whatsoever_is_a_500(serve: Serve, path: str) -> None:
    function, random = serve(events=HTTP), Random(path)
    for _ in range(1500):
        body: Any = {"inputs": anything(random), "outputs": anything(random), "parameters": anything(random)}
        if random.random() < 0.5:
            changed = {random.choice(["name", "shape", "datatype", "data", "parameters"]): anything(random)}
            body["inputs"] = [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]} | changed]
        text = json.dumps(body if random.random() < 0.8 else anything(random))
        cut = text[: random.randrange(len(text) + 1)] if random.random() < 0.1 else text
        assert function(request(path, cut))["statusCode"] in (200, 400), cut
