"""Compressed bodies in and out, and those that lie about it."""

from __future__ import annotations

import base64
import gzip
import json
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from slsdeploy_runtime import compression, http_ways
from slsdeploy_runtime.compression import accepted
from tests.runtime import bundles
from tests.runtime.conftest import Function, Serve, recorded
from tests.runtime.test_http import HTTP, request

ROWS = {"instances": [[1, 2], [3, 4]]}
MANY = {"instances": [[1.25, 2.5]] * 5000}


def raw(body: bytes, path: str = "/predict", **headers: str) -> dict[str, Any]:
    event = request(path, base64.b64encode(body).decode(), "POST", **headers)
    return {**event, "isBase64Encoded": True}


def read(answer: Any) -> Any:
    body = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()
    unpack: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "deflate": zlib.decompress, "": bytes}
    return json.loads(unpack[answer["headers"].get("content-encoding", "")](body))


def raw_deflate(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(body) + stream.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("GZip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("identity", bytes),
        ("deflate, gzip", lambda body: gzip.compress(zlib.compress(body))),
    ],
)
def test_a_compressed_body_is_read(serve: Serve, encoding: str, pack: Any) -> None:
    answer = serve(events=HTTP)(raw(pack(json.dumps(ROWS).encode()), content_encoding=encoding))
    assert (answer["statusCode"], read(answer)) == (200, {"predictions": [[2.0, 4.0], [6.0, 8.0]]})


def test_raw_tensors_may_be_compressed_too(serve: Serve) -> None:
    parameters = {"binary_data_size": 8}
    tensors = [{"name": "x", "datatype": "FP32", "shape": [1, 2], "parameters": parameters}]
    head = json.dumps({"inputs": tensors}).encode()
    body = gzip.compress(head + struct.pack("<2f", 1, 2))
    headers = {"inference_header_content_length": str(len(head)), "content_encoding": "gzip"}
    answer = serve(events=HTTP)(raw(body, "/v2/models/double/infer", **headers))
    assert (answer["statusCode"], read(answer)["outputs"][0]["data"]) == (200, [2.0, 4.0])


@pytest.mark.parametrize(
    ("body", "encoding", "status", "message"),
    [
        (b"{}", "br", 415, "Content-Encoding: found br, expected gzip or deflate"),
        (b"{}", "gzip", 400, "body: found what is not gzip ("),
        (b"{}", "deflate", 400, "body: found what is not deflate ("),
        (gzip.compress(b"{}", mtime=0)[:-4], "gzip", 400, "body: found what is not gzip (it is cut off)"),
        (
            gzip.compress(b"{}", mtime=0) + b"more",
            "gzip",
            400,
            "body: found what is not gzip (there is more behind it)",
        ),
        (gzip.compress(b"not JSON", mtime=0), "gzip", 400, "body: not JSON"),
        (gzip.compress(b"", mtime=0), "gzip", 400, "body: found nothing (it is empty), expected JSON"),
        (gzip.compress(b"\xff\xfe", mtime=0), "gzip", 400, "body: found byte 0xff at 0, expected JSON in UTF-8"),
    ],
)
def test_a_body_that_lies_is_named_and_the_next_request_works(
    serve: Serve, body: bytes, encoding: str, status: int, message: str
) -> None:
    function = serve(events=HTTP)
    answer = function(raw(body, content_encoding=encoding))
    assert (answer["statusCode"], read(answer)["error"][: len(message)]) == (status, message)
    assert answer["headers"].get("accept-encoding") == ("gzip, deflate" if status == 415 else None)
    works(function)


def works(function: Function) -> None:
    assert function(request("/predict", ROWS))["statusCode"] == 200


@pytest.mark.parametrize("layers", [1, 2])
def test_a_bomb_is_given_up_early(serve: Serve, layers: int) -> None:
    body = gzip.compress(bytes(300_000_000), 9)
    for _ in range(layers - 1):
        body = gzip.compress(body, 9)
    assert len(body) < 400_000
    function = serve(events=HTTP)
    answer = function(raw(body, content_encoding=", ".join(["gzip"] * layers)))
    assert answer["statusCode"] == 413
    assert read(answer)["error"] == f"the body unpacks to more than {compression.MOST_BYTES} bytes"
    works(function)


def test_the_bound_is_a_share_of_the_functions_memory(serve: Serve) -> None:
    environment = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256"}
    answer = serve(events=HTTP, environment=environment)(raw(gzip.compress(bytes(20_000_000)), content_encoding="gzip"))
    assert read(answer)["error"] == f"the body unpacks to more than {16 * 1024 * 1024} bytes"


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("gzip, deflate, br", "gzip"),
        ("deflate", "deflate"),
        ("gzip;q=0.2, deflate;q=0.8", "deflate"),
        ("gzip;q=0", ""),
        ("*", "gzip"),
        ("br", ""),
        ("gzip;q=x", ""),
        ("identity", ""),
        ("", ""),
        ("*;q=0, gzip", "gzip"),
    ],
)
def test_what_the_caller_accepts(header: str, encoding: str) -> None:
    assert accepted({"accept-encoding": header}) == encoding


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_large_answer_is_compressed_for_who_accepts_it(serve: Serve, encoding: str) -> None:
    answer = serve(events=HTTP)(request("/predict", MANY, accept_encoding=encoding))
    assert (answer["headers"]["content-encoding"], answer["headers"]["vary"]) == (encoding, "accept-encoding")
    assert len(answer["body"]) < 10_000
    assert read(answer) == {"predictions": [[2.5, 5.0]] * 5000}


def test_a_small_one_is_not_nor_one_for_who_does_not(serve: Serve) -> None:
    function = serve(events=HTTP)
    small = function(request("/predict", ROWS, accept_encoding="gzip"))
    assert not small["isBase64Encoded"] and "vary" not in small["headers"]
    plain = function(request("/predict", MANY))
    assert not plain["isBase64Encoded"] and plain["headers"]["vary"] == "accept-encoding"


def test_a_rest_api_hands_no_bytes_on_so_nothing_is_compressed_for_it(serve: Serve) -> None:
    event = recorded("api_gateway_rest")
    event["multiValueHeaders"]["Accept-Encoding"] = ["gzip"]
    event["body"], event["isBase64Encoded"] = json.dumps(MANY), False
    answer = serve(events=HTTP)(event)
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False)


def test_a_rest_api_that_says_so_hands_bytes_on(serve: Serve) -> None:
    event = recorded("api_gateway_rest")
    event["stageVariables"] = http_ways.TAKES_BYTES
    event["multiValueHeaders"]["Accept-Encoding"] = ["gzip"]
    event["body"], event["isBase64Encoded"] = base64.b64encode(json.dumps(MANY).encode()).decode(), True
    answer = serve(events=HTTP)(event)
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, True)
    assert answer["headers"]["content-encoding"] == "gzip"


def test_an_answer_beyond_lambdas_limit_fits_when_it_is_compressed(serve: Serve) -> None:
    handler = 'def postprocess(outputs):\n    return "x" * 7_000_000\n'
    function = serve(events=HTTP, handler=handler)
    assert function(request("/predict", ROWS))["statusCode"] == 413
    assert len(read(function(request("/predict", ROWS, accept_encoding="gzip")))) == 7_000_000


def test_a_million_rows_are_answered(serve: Serve) -> None:
    function = serve(bundles.same("UINT8", (-1, 1)), events=HTTP)
    body = b'{"instances":[' + b",".join([b"[7]"] * 1_000_000) + b"]}"
    answer = function(raw(gzip.compress(body), content_encoding="gzip", accept_encoding="gzip"))
    assert (answer["statusCode"], len(read(answer)["predictions"])) == (200, 1_000_000)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("[" * 100_000, "body: not JSON"),
        ('{"inputs":{"x":' + "[" * 900 + "]" * 900 + "}}", "inputs.x: found"),
        ('{"instances":' + "[" * 70 + "1" + "]" * 70 + "}", "instances"),
    ],
)
def test_deep_json_is_named(serve: Serve, body: str, message: str) -> None:
    function = serve(events=HTTP)
    answer = function(request("/predict", body))
    assert (answer["statusCode"], read(answer)["error"][: len(message)]) == (400, message)
    works(function)


@pytest.mark.parametrize("body", ["%%%", "e30", "e30=e30=", "ö"])
def test_a_body_that_is_not_the_base64_it_says_it_is(serve: Serve, body: str) -> None:
    function = serve(events=HTTP)
    answer = function({**request("/predict", body), "isBase64Encoded": True})
    assert (answer["statusCode"], read(answer)["field"]) == (400, "body")
    works(function)


@pytest.mark.parametrize(
    "change",
    [
        {"body": {"instances": 1}},
        {"body": [1], "isBase64Encoded": True},
        {"headers": [1]},
        {"rawQueryString": 5},
        {"requestContext": {"http": {}}},
    ],
)
@pytest.mark.parametrize("name", ["function_url", "api_gateway_rest", "alb"])
def test_an_event_that_nobody_sends_is_a_400(serve: Serve, name: str, change: dict[str, Any]) -> None:
    function = serve(events=HTTP)
    answer = function({**recorded(name), **change})
    assert answer["statusCode"] in (200, 400)
    works(function)
