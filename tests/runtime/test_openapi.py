"""`GET /openapi.json`: valid OpenAPI 3.1, exact about the signature, and true: a fuzzer that reads it finds nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from slsdeploy_runtime.decode import DTYPES
from tests.runtime import bundles
from tests.runtime.conftest import Function, Serve
from tests.runtime.http_server import listening
from tests.runtime.test_http import HTTP, request, send

PREPROCESS = "import numpy as np\n\ndef preprocess(request):\n    return {'x': np.zeros((1, 2))}\n"
# 8 MB, and 6 when it is compressed
LARGE = (
    "from base64 import b64encode\nfrom random import Random\n\nanswer = b64encode(Random(0).randbytes(6_000_000)).decode()\n"
    "def postprocess(outputs):\n    return answer\n"
)
SHAPES: dict[str, Callable[[], dict[str, Any]]] = {
    "several models": lambda: {"models": [bundles.divide(), bundles.lookup()]},
    "a list of maps": lambda: {"models": [bundles.zipmap(["no", "yes"])]},
    "fixed dimensions": lambda: {"models": [bundles.same("INT8", (2, 3))]},
    "a column of texts": lambda: {"models": [bundles.same("BYTES", (-1, 1))]},
    "a bucket for large answers": lambda: {
        "models": [bundles.double()],
        "handler": LARGE,
        "environment": {"SLSDEPLOY_LARGE_ANSWERS": "answers"},
        "client": lambda service: Bucket(),
    },
    "code of the project": lambda: {"models": [bundles.double()], "handler": PREPROCESS},
}


class Bucket:
    """A bucket that takes everything and counts; nobody reads it."""

    count = 0

    def put_object(self, **given: Any) -> None:
        type(self).count += 1


def start(serve: Serve, shape: str) -> Function:
    bundle = SHAPES[shape]()
    return serve(*bundle.pop("models"), events=HTTP, **bundle)


def document(function: Function) -> dict[str, Any]:
    status, found = send(function, "/openapi.json")
    assert status == 200
    return dict(found)


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_valid(serve: Serve, shape: str) -> None:
    function = start(serve, shape)
    found = document(function)
    OpenAPIV31SpecValidator(found).validate()
    assert found["openapi"] == "3.1.0"
    for name in function.models:
        assert f"/v2/models/{name}/versions/1/infer" in found["paths"]


def test_every_route_is_described(serve: Serve) -> None:
    function = serve(events=HTTP)
    described = {(path, method) for path, item in document(function)["paths"].items() for method in item}
    for route in send(function, "/")[1]["routes"]:
        method, path = route.split()
        named = path.replace("{model}", "double").replace("{version}", "1")
        assert (named, method.lower()) in described


def body_schema(function: Function, path: str) -> Draft202012Validator:
    found = document(function)["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return Draft202012Validator(found)


def infer(datatype: str, shape: list[int], data: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "in", "datatype": datatype, "shape": shape, "data": data}]}


BODIES: list[tuple[str, list[int], str, Any]] = [
    ("INT8", [2, 3], "/predict", {"inputs": {"in": [[1, 2, 3], [4, 5, 6]]}}),
    ("INT8", [2, 3], "/predict", {"inputs": {"in": [[1, 2, 3]]}}),
    ("INT8", [2, 3], "/predict", {"inputs": {"in": [[1, 2, 3], [4, 5, 128]]}}),
    ("INT8", [2, 3], "/predict", {"inputs": {"in": [[1, 2, 3], [4, 5, 6.5]]}}),
    ("INT8", [2, 3], "/predict", {"inputs": {"in": [[1, 2, 3], [4, 5, 6.0]]}}),
    ("INT8", [2, 3], "/predict", {"inputs": {"in": [[1, 2, 3], [4, 5, True]]}}),
    ("INT8", [2, 3], "/predict", {"inputs": {"in": [[1, 2, 3], [4, 5, 6]], "more": 1}}),
    ("INT8", [2, 3], "/predict", {"instances": [[1, 2, 3]]}),
    ("INT8", [2, 3], "/predict", {"instances": [[1, 2, 3], {"in": [4, 5, 6]}]}),
    ("INT8", [2, 3], "/predict", {"instances": []}),
    ("INT8", [2, 3], "/predict", {"instances": [[1, 2, 3]], "inputs": {"in": [[1, 2, 3], [4, 5, 6]]}}),
    ("INT8", [2, 3], "/v2/models/same/infer", infer("INT8", [2, 3], [1, 2, 3, 4, 5, 6])),
    ("INT8", [2, 3], "/v2/models/same/infer", infer("INT8", [2, 3], [[1, 2, 3], [4, 5, 6]])),
    ("INT8", [2, 3], "/v2/models/same/infer", infer("INT8", [3, 2], [1, 2, 3, 4, 5, 6])),
    ("INT8", [2, 3], "/v2/models/same/infer", infer("INT16", [2, 3], [1, 2, 3, 4, 5, 6])),
    ("INT8", [2, 3], "/v2/models/same/infer", {"inputs": []}),
    ("INT8", [2, 3], "/v2/models/same/infer", {**infer("INT8", [2, 3], [1, 2, 3, 4, 5, 6]), "id": 5}),
    ("BYTES", [-1, 1], "/predict", {"instances": ["a", "b"]}),
    ("BYTES", [-1, 1], "/predict", {"instances": [["a"], ["b"]]}),
    ("BYTES", [-1, 1], "/predict", {"instances": [{"in": "a"}, {"in": "b"}]}),
    ("BYTES", [-1, 1], "/predict", {"instances": [{"in": ["a"]}]}),
    ("BYTES", [-1, 1], "/predict", {"instances": [1]}),
    ("UINT64", [1], "/predict", {"inputs": {"in": [2**64 - 1]}}),
    ("UINT64", [1], "/predict", {"inputs": {"in": [2**64]}}),
    ("INT64", [1], "/predict", {"inputs": {"in": [-(2**63)]}}),
    ("FP16", [1], "/predict", {"inputs": {"in": [65504]}}),
    ("FP16", [1], "/predict", {"inputs": {"in": [65520]}}),
    ("FP16", [1], "/predict", {"inputs": {"in": [65519.9]}}),
    ("FP32", [1], "/predict", {"inputs": {"in": [1e39]}}),
    ("FP32", [1], "/predict", {"inputs": {"in": [-3.4028235e38]}}),
    ("FP64", [1], "/predict", {"inputs": {"in": [1.7976931348623157e308]}}),
    ("BOOL", [1], "/predict", {"inputs": {"in": [True]}}),
    ("BOOL", [1], "/predict", {"inputs": {"in": [1]}}),
]


@pytest.mark.parametrize(("datatype", "shape", "path", "body"), BODIES)
def test_what_the_schema_takes_is_what_the_function_takes(
    serve: Serve, datatype: str, shape: list[int], path: str, body: Any
) -> None:
    function = serve(bundles.same(datatype, shape), events=HTTP)
    is_valid = body_schema(function, path).is_valid(body)
    assert send(function, path, body)[0] == (200 if is_valid else 400)


@pytest.mark.parametrize("datatype", DTYPES)
def test_every_answer_is_as_its_schema_says(serve: Serve, datatype: str) -> None:
    function = serve(bundles.same(datatype, (-1, 2)), events=HTTP)
    value: Any = {"BOOL": True, "BYTES": "a"}.get(datatype, 1)
    responses = document(function)["paths"]["/predict"]["post"]["responses"]
    schema = Draft202012Validator(responses["200"]["content"]["application/json"]["schema"])
    forms = [{"inputs": {"in": [[value] * 2]}}, {"instances": [[value] * 2]}, infer(datatype, [1, 2], [value] * 2)]
    for body in forms:
        status, answer = send(function, "/predict", body)
        assert status == 200
        schema.validate(answer)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_fuzzer_finds_nothing_else(serve: Serve, tmp_path: Path, shape: str) -> None:
    function = start(serve, shape)
    with listening(function) as url:
        done = fuzz(f"{url}/openapi.json", tmp_path, "10" if shape == "several models" else "3")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert function(request("/v2/health/live"))["statusCode"] == 200
    assert Bucket.count > 0 or "bucket" not in shape


def fuzz(url: str, folder: Path, examples: str) -> subprocess.CompletedProcess[str]:
    """Run schemathesis, the same cases at each run. That `data` has as many elements as `shape` says is not in any schema."""
    program = Path(sys.executable).with_name("schemathesis")
    phases = ["--phases", "coverage,fuzzing", "--max-examples", examples, "--seed", "1", "--generation-deterministic"]
    quiet = [
        "--no-color",
        "--warnings",
        "off",
        "--suppress-health-check",
        "all",
        "--exclude-checks",
        "positive_data_acceptance",
    ]
    return subprocess.run(
        [str(program), "run", url, *phases, *quiet, "--no-shrink"],
        cwd=folder,
        env={**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": str(folder)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_it_is_small(serve: Serve) -> None:
    assert len(json.dumps(document(start(serve, "several models")))) < 60_000
