"""The binary tensor extension over HTTP: raw bytes in, raw bytes out, and what is wrong with them named."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest

from tests.runtime import bundles
from tests.runtime.conftest import Function, Serve, recorded

HTTP = [bundles.event("http")]


def infer(
    function: Function, model: str, document: Any, raw: bytes = b"", length: str | None = None
) -> tuple[int, Any, bytes]:
    """Send an inference request with raw bytes behind it; return the status, the answer's JSON and what is behind it."""
    head = json.dumps(document).encode()
    event = recorded("function_url")
    event["requestContext"]["http"]["path"] = f"/v2/models/{model}/infer"
    event["headers"] |= {
        "content-type": "application/octet-stream",
        "inference-header-content-length": length or str(len(head)),
    }
    event |= {"body": base64.b64encode(head + raw).decode(), "isBase64Encoded": True}
    answer = function(event)
    body = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()
    end = int(answer["headers"].get("inference-header-content-length", len(body)))
    return answer["statusCode"], json.loads(body[:end]), body[end:]


def tensor(name: str, datatype: str, shape: list[int], size: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": size}}


def test_numbers_go_in_and_out_as_little_endian_bytes(serve: Serve) -> None:
    document = {"inputs": [tensor("x", "FP32", [1, 2], 8)], "parameters": {"binary_data_output": True}}
    status, answer, raw = infer(serve(events=HTTP), "double", document, struct.pack("<2f", 1, 2.5))
    assert (status, raw) == (200, struct.pack("<2f", 2, 5))
    assert answer["outputs"] == [
        {"name": "y", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": 8}}
    ]


@pytest.mark.parametrize(("size", "status"), [(4_700_000, 200), (5_500_000, 413)])
def test_raw_bytes_that_base64_makes_too_large_for_lambda_are_a_413(serve: Serve, size: int, status: int) -> None:
    document = {"inputs": [tensor("in", "UINT8", [size], size)], "parameters": {"binary_data_output": True}}
    found, answer, raw = infer(serve(bundles.same("UINT8"), events=HTTP), "same", document, bytes(size))
    assert (found, len(raw)) == (status, size if status == 200 else 0)
    if status == 413:
        assert "bytes as Lambda wraps it, 6291456 can be answered" in answer["error"]


def test_each_output_is_asked_for_in_its_own_form(serve: Serve) -> None:
    document = {
        "inputs": [tensor("b", "FP32", [1], 4), {"name": "a", "datatype": "FP32", "shape": [1], "data": [6]}],
        "outputs": [{"name": "quotient", "parameters": {"binary_data": True}}, {"name": "total"}],
    }
    status, answer, raw = infer(serve(bundles.divide(), events=HTTP), "divide", document, struct.pack("<f", 3))
    assert (status, raw) == (200, struct.pack("<f", 2))
    assert answer["outputs"][1] == {"name": "total", "datatype": "FP32", "shape": [1], "data": [9.0]}


def test_texts_go_in_and_out_with_their_lengths(serve: Serve) -> None:
    raw = b"\x01\x00\x00\x00a\x00\x00\x00\x00" + struct.pack("<I", 2) + "ö".encode()
    document = {"inputs": [tensor("in", "BYTES", [3], len(raw))], "parameters": {"binary_data_output": True}}
    assert infer(serve(bundles.same("BYTES"), events=HTTP), "same", document, raw)[2] == raw


@pytest.mark.parametrize(
    ("datatype", "size", "raw", "message"),
    [
        (
            "FP32",
            8,
            b"1234",
            "inputs[0].parameters.binary_data_size: found 8, expected 0 to 4, the bytes that are left",
        ),
        ("FP32", "8", b"12345678", "inputs[0].parameters.binary_data_size: found '8', expected 0 to 8"),
        (
            "FP32",
            4,
            b"12345678",
            "body: found 4 bytes behind the last tensor, expected as many as binary_data_size says",
        ),
        ("FP32", 5, b"12345", "inputs[0]: found 5 bytes, expected a multiple of 4 (FP32)"),
        ("FP32", 8, b"12345678", "inputs[0].data: found 2 elements, expected 1, as shape [1] says"),
        ("BYTES", 3, b"\x01\x00\x00", "inputs[0]: found a text cut off at byte 0"),
        ("BYTES", 5, b"\x09\x00\x00\x00a", "inputs[0]: found a text cut off at byte 0"),
        ("BYTES", 5, b"\x01\x00\x00\x00\xff", "inputs[0]: the text at byte 0 is not UTF-8"),
    ],
)
def test_bytes_that_do_not_fit_are_named(serve: Serve, datatype: str, size: Any, raw: bytes, message: str) -> None:
    function = serve(bundles.same(datatype), events=HTTP)
    status, answer, _ = infer(function, "same", {"inputs": [tensor("in", datatype, [1], size)]}, raw)
    assert status == 400
    assert answer["error"].startswith(message)


@pytest.mark.parametrize("length", ["-1", "x", "100000", "²"])
def test_a_length_that_cannot_be_is_named(serve: Serve, length: str) -> None:
    status, answer, _ = infer(serve(events=HTTP), "double", {}, length=length)
    assert status == 400
    assert list(answer) == ["error"] and answer["error"].startswith("Inference-Header-Content-Length: found")
