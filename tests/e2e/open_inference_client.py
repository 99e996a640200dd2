"""A program: asks a server with `tritonclient[http]`, unchanged, for ONNX's own conformance cases; prints what differs as JSON.

A process of its own, because the client brings gevent. `python open_inference_client.py HOST:PORT`, or `--write FOLDER` for the models.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx.backend.test.case import node

# by the module of onnx.backend.test.case.node: at least one case for each datatype that ONNX and the protocol share
CASES = {
    "and_": ["and2d"],
    "add": ["add_int8", "add_int16", "add_uint8", "add_uint16", "add_uint32"],
    "max": ["max_int32", "max_int64", "max_uint64", "max_float16", "max_float32", "max_float64"],
    "stringnormalizer": ["strnormalizer_nostopwords_nochangecase"],
    "where": ["where_example", "where_long_example"],
    "gather": ["gather_0"],
    "equal": ["equal_string"],
    "isnan": ["isnan", "isnan_float16"],
}


def cases() -> list[Any]:
    """Return the cases: each has a name, a model and data sets (inputs, outputs)."""
    for module in CASES:
        import_module(f"onnx.backend.test.case.node.{module}")
    wanted = {f"test_{name}" for names in CASES.values() for name in names}
    found = {case.name: case for case in node._NodeTestCases if case.name in wanted}
    assert found.keys() == wanted, wanted - found.keys()
    return list(found.values())


def write(folder: Path) -> None:
    """Write each case's model, named after it."""
    for case in cases():
        onnx.save(case.model, folder / f"{case.name}.onnx")


def ask(address: str) -> dict[str, Any]:
    """Ask for every case in every way; return what was seen."""
    from tritonclient import http

    client = http.InferenceServerClient(address, concurrency=1)
    assert client.is_server_live() and client.is_server_ready()
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    datatypes: set[str] = set()
    different, asked = [], 0
    for case in cases():
        assert client.is_model_ready(case.name) and client.is_model_ready(case.name, "1")
        metadata = client.get_model_metadata(case.name)
        datatypes |= {tensor["datatype"] for tensor in (*metadata["inputs"], *metadata["outputs"])}
        for given, expected in case.data_sets:
            for binary, packing in ((True, None), (True, "gzip"), (True, "deflate"), (False, None), (False, "gzip")):
                if binary or can_be_json(given):
                    asked += 1
                    found = infer(client, case, given, binary, packing)
                    if not all(same(*pair) for pair in zip(found, expected, strict=True)):
                        different.append([case.name, binary, packing, repr(found), repr(expected)])
    return {"datatypes": sorted(datatypes), "asked": asked, "different": different, "refused": refused(client)}


def infer(client: Any, case: Any, given: Any, binary: bool, packing: str | None) -> list[Any]:
    from tritonclient import http
    from tritonclient.utils import np_to_triton_dtype

    inputs = []
    for name, array in zip([value.name for value in case.model.graph.input], given, strict=True):
        kind = "BYTES" if array.dtype.kind in "OU" else np_to_triton_dtype(array.dtype)
        tensor = http.InferInput(name, list(array.shape), kind)
        tensor.set_data_from_numpy(array.astype(object) if kind == "BYTES" else array, binary_data=binary)
        inputs.append(tensor)
    names = [value.name for value in case.model.graph.output]
    outputs = (
        None if binary and packing is None else [http.InferRequestedOutput(name, binary_data=binary) for name in names]
    )
    result = client.infer(
        case.name,
        inputs,
        model_version="1",
        outputs=outputs,
        request_id="42",
        request_compression_algorithm=packing,
        response_compression_algorithm=packing,
    )
    assert result.get_response()["id"] == "42"
    return [result.as_numpy(name) for name in names]


def can_be_json(arrays: Any) -> bool:
    """Say whether the client would send them as JSON: not half floats, and JSON has no NaN."""
    return all(array.dtype != np.float16 and (array.dtype.kind != "f" or np.isfinite(array).all()) for array in arrays)


def same(found: Any, expected: Any) -> bool:
    if expected.dtype.kind in "OU":
        texts = [text.decode() if isinstance(text, bytes) else text for text in found.ravel()]
        return bool(found.shape == expected.shape and texts == expected.ravel().tolist())
    return bool(found.dtype == expected.dtype and np.array_equal(found, expected, equal_nan=found.dtype.kind == "f"))


def refused(client: Any) -> list[str]:
    """Return what the client makes of errors."""
    from tritonclient import http
    from tritonclient.utils import InferenceServerException

    tensor = http.InferInput("x", [2], "INT64")
    tensor.set_data_from_numpy(np.zeros(2, np.int64))
    said = []
    for model, version in (("no_such_model", ""), ("test_and2d", "2"), ("test_and2d", "")):
        try:
            client.infer(model, [tensor], model_version=version)
        except InferenceServerException as error:
            said.append(f"{error.status()}: {error.message()}")
    return said


if __name__ == "__main__":
    if sys.argv[1] == "--write":
        write(Path(sys.argv[2]))
    else:
        print(json.dumps(ask(sys.argv[1])))
