"""Answers that are more than AWS takes: an object in the bucket and a pointer in their place, for each kind of caller; or an error."""

from __future__ import annotations

import datetime
import gzip
import json
import signal
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import botocore.auth
import numpy as np
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from slsdeploy_runtime import answer_size, asgi, large, s3_presign, s3_request
from slsdeploy_runtime.service import AnswerTooLarge
from tests.runtime import bundles
from tests.runtime.conftest import REGION, Context, Function, Serve, logs, recorded
from tests.runtime.test_http import HTTP, request

BUCKET = "answers-of-wide"
TO_S3 = {"SLSDEPLOY_LARGE_ANSWERS": BUCKET}
ROWS, FEW = {"instances": [[1.5]] * 450}, {"instances": [[1.0]] * 2}
NOW = 1_790_000_000.0


@pytest.fixture
def stored(aws: None) -> Any:
    client = boto3.client("s3", region_name=REGION)
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    return client


def only(stored: Any) -> dict[str, Any]:
    """Return the only object in the bucket, its body read."""
    (key,) = [each["Key"] for each in stored.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
    found: dict[str, Any] = stored.get_object(Bucket=BUCKET, Key=key)
    return {**found, "Key": key, "Body": found["Body"].read()}


def answered(function: Function, event: Any) -> tuple[int, dict[str, Any], Mapping[str, str]]:
    answer = function(event)
    return answer["statusCode"], json.loads(answer["body"]), answer["headers"]


def test_an_http_answer_sends_its_caller_there(serve: Serve, stored: Any) -> None:
    function = serve(bundles.wide(), events=HTTP, environment=TO_S3)
    status, told, headers = answered(function, request("/predict", ROWS))
    found = only(stored)
    assert (status, found["ContentType"]) == (303, "application/json")
    assert np.shape(json.loads(found["Body"])["predictions"]) == (450, 1000)
    today = datetime.datetime.now(datetime.UTC).date()
    assert found["Key"] == f"http/{today}/{Context.aws_request_id}.json"
    assert told == {
        "s3": {"bucket": BUCKET, "key": found["Key"]},
        "bytes": len(found["Body"]),
        "url": headers["location"],
        "expires_in": 3600,
        "content_type": "application/json",
    }
    assert headers["location"].startswith(f"https://{BUCKET}.s3.{REGION}.amazonaws.com/{found['Key']}?X-Amz-Algorithm=")
    assert headers["x-request-id"] and headers["server-timing"]
    assert answered(function, request("/predict", FEW))[0] == 200


def test_what_gzip_makes_small_enough_stays_and_what_it_does_not_goes_compressed(serve: Serve, stored: Any) -> None:
    function = serve(bundles.wide(), events=HTTP, environment=TO_S3)
    assert function(request("/predict", ROWS, accept_encoding="gzip"))["statusCode"] == 200
    rows = {"instances": [[1.5 + index / 7] for index in range(800)]}
    status, told, headers = answered(function, request("/predict", rows, accept_encoding="gzip"))
    found = only(stored)
    assert (status, found["ContentEncoding"], told["content_encoding"]) == (303, "gzip", "gzip")
    assert "content-encoding" not in headers
    assert np.shape(json.loads(gzip.decompress(found["Body"]))["predictions"]) == (800, 1000)


def test_raw_tensors_keep_what_tells_where_they_begin(serve: Serve, stored: Any) -> None:
    function = serve(bundles.wide(), events=HTTP, environment=TO_S3)
    tensor = {"name": "x", "datatype": "FP32", "shape": [1300, 1], "data": [2.0] * 1300}
    asked = {"id": "7", "inputs": [tensor], "parameters": {"binary_data_output": True}}
    status, told, headers = answered(function, request("/v2/models/wide/infer", asked))
    found = only(stored)
    assert (status, found["ContentType"], found["Key"][-4:]) == (303, "application/octet-stream", ".bin")
    length = int(headers["inference-header-content-length"])
    assert found["Metadata"] == {"inference-header-content-length": str(length)}
    assert json.loads(found["Body"][:length])["id"] == "7" and len(found["Body"]) == length + 1300 * 1000 * 4
    assert told["error"].endswith(f"more than can be answered: GET it from {told['url']}")


def test_a_load_balancer_takes_less(serve: Serve, stored: Any) -> None:
    function = serve(bundles.wide(), events=HTTP, environment=TO_S3)
    event = {**recorded("alb"), "body": json.dumps({"instances": [[1.5]] * 100}), "isBase64Encoded": False}
    assert answered(function, event)[0] == 303
    assert answered(function, {**event, "body": json.dumps({"instances": [[1.5]] * 40})})[0] == 200


def test_without_a_bucket_a_load_balancers_caller_gets_a_413(serve: Serve) -> None:
    event = {**recorded("alb"), "body": json.dumps({"instances": [[1.5]] * 100}), "isBase64Encoded": False}
    status, told, _ = answered(serve(bundles.wide(), events=HTTP), event)
    assert status == 413 and told["error"].endswith(
        '1048576 can be answered: ask for fewer rows, or for gzip, or deploy with large_answers = "s3"'
    )


@pytest.mark.parametrize("bucket", ["no-such-bucket", BUCKET])
def test_what_cannot_be_kept_is_a_500_and_the_log_names_the_bucket(
    serve: Serve, stored: Any, capsys: pytest.CaptureFixture[str], bucket: str
) -> None:
    environment = {"SLSDEPLOY_LARGE_ANSWERS": bucket}
    function = serve(bundles.wide(), events=HTTP, environment=environment, client=Denied if bucket == BUCKET else None)
    status, told, _ = answered(function, request("/predict", ROWS))
    assert (status, told) == (500, {"error": "the function failed; its log says why"})
    (line,) = logs(capsys.readouterr().out)
    assert f"bytes cannot be put into s3://{bucket}/http/" in line["exception"]
    with pytest.raises(large.NotKept, match=f"s3://{bucket}/direct/"):
        function(ROWS)
    assert answered(function, request("/predict", FEW))[0] == 200


class Denied:
    """A client whose role may not."""

    def __init__(self, service: str) -> None: ...

    def put_object(self, **given: Any) -> None:
        raise PermissionError("An error occurred (AccessDenied) when calling the PutObject operation")


def test_a_direct_answer_is_a_pointer_with_a_url(serve: Serve, stored: Any) -> None:
    function = serve(bundles.wide(), environment=TO_S3)
    pointer = function(ROWS)
    found = only(stored)
    assert pointer.pop("url").startswith(f"https://{BUCKET}.s3.")
    assert pointer == {
        "s3": {"bucket": BUCKET, "key": found["Key"]},
        "bytes": len(found["Body"]),
        "expires_in": 3600,
    }
    assert found["Key"].startswith("direct/")
    assert np.shape(function(FEW)["predictions"]) == (2, 1000)


def test_without_a_bucket_a_direct_answer_is_an_error_that_says_what_to_do(serve: Serve) -> None:
    with pytest.raises(
        AnswerTooLarge, match=r"the answer has \d+ bytes, 6291456 can be answered: ask for fewer rows, or"
    ):
        serve(bundles.wide())(ROWS)


def test_a_state_gets_a_pointer_that_lasts(serve: Serve, stored: Any) -> None:
    function = serve(bundles.wide(), events=[bundles.event("stepfunctions")], environment=TO_S3)
    event = {**recorded("stepfunctions"), "Input": {"instances": [[1.5]] * 20}}
    pointer = function(event)
    assert pointer == {"s3": {"bucket": BUCKET, "key": only(stored)["Key"]}, "bytes": only(stored)["ContentLength"]}
    assert np.shape(function({**event, "Input": {"instances": [[1.5]] * 10}})["predictions"]) == (10, 1000)


def field(rows: int) -> Any:
    event = recorded("appsync")
    return {**event, "info": {**event["info"], "fieldName": "wide"}, "arguments": {"inputs": {"x": [[1.5]] * rows}}}


def test_a_field_with_a_type_fails_and_says_where_its_value_is(serve: Serve, stored: Any) -> None:
    function = serve(bundles.wide(), events=[bundles.event("appsync")], environment=TO_S3)
    with pytest.raises(AnswerTooLarge, match=f"GET it from https://{BUCKET}.*, or as s3://{BUCKET}/appsync/0/"):
        function(field(450))
    assert np.shape(json.loads(only(stored)["Body"])["y"]) == (450, 1000)


def test_of_a_batch_of_fields_the_largest_fail(serve: Serve, stored: Any) -> None:
    function = serve(bundles.wide(), events=[bundles.event("appsync")], environment=TO_S3)
    answers = function([field(100), field(200), field(5)])
    assert [each["errorType"] for each in answers] == [None, "AnswerTooLarge", None]
    assert "more than AppSync takes: GET it from https://" in answers[1]["errorMessage"]
    assert np.shape(answers[0]["data"]["y"]) == (100, 1000)


def test_a_field_of_any_json_is_the_pointer(serve: Serve, stored: Any) -> None:
    handler = 'def postprocess(outputs):\n    return "x" * 6_000_000\n'
    function = serve(bundles.wide(), events=[bundles.event("appsync")], environment=TO_S3, handler=handler)
    assert json.loads(function(field(1)))["s3"] == {"bucket": BUCKET, "key": only(stored)["Key"]}


def test_a_records_pointer_has_its_own_key(serve: Serve, stored: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    service = serve(bundles.wide(), environment=TO_S3).service
    about = {"message_id": "1"}
    pointers = [large.pointer(service, body, each) for each in (about, {"message_id": "2"}) for body in (b"{}", b"{ }")]
    first, again, other, _ = [json.loads(each or b"") for each in pointers]
    assert first | {"bytes": 3} == again == {**about, "s3": first["s3"], "bytes": 3}
    assert first["s3"]["key"] != other["s3"]["key"]
    assert stored.get_object(**{name.title(): text for name, text in first["s3"].items()})["Body"].read() == b"{ }"
    monkeypatch.delenv("SLSDEPLOY_LARGE_ANSWERS")
    assert large.pointer(service, b"{}", about) is None


def test_the_document_and_the_page_know_of_the_bucket(serve: Serve, stored: Any) -> None:
    function = serve(bundles.wide(), events=HTTP, environment=TO_S3)
    document = json.loads(function(request("/openapi.json"))["body"])
    assert "location" in document["paths"]["/predict"]["post"]["responses"]["303"]["headers"]
    policy = function(request("/docs"))["headers"]["content-security-policy"]
    assert f"connect-src 'self' https://{BUCKET}.s3.{REGION}.amazonaws.com;" in policy


def test_without_one_they_do_not(serve: Serve) -> None:
    function = serve(events=HTTP)
    document = json.loads(function(request("/openapi.json"))["body"])
    assert "303" not in document["paths"]["/predict"]["post"]["responses"]
    assert "connect-src 'self';" in function(request("/docs"))["headers"]["content-security-policy"]


@pytest.mark.parametrize("token", ["", "token+/=="])
@pytest.mark.parametrize("key", ["http/2026-11-21/a.json", "a b/ü~.bin"])
def test_a_url_is_signed_as_botocore_signs_it(key: str, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    place = s3_request.address("answers", key, "", "eu-west-1")
    ours = s3_presign.presigned(place, "eu-west-1", s3_request.Credentials("AKID", "secret", token), 60, NOW)
    moment = datetime.datetime.fromtimestamp(NOW, datetime.UTC).replace(tzinfo=None)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: moment)
    theirs = AWSRequest("GET", f"https://{place.host}{place.path}")
    signer = botocore.auth.S3SigV4QueryAuth(Credentials("AKID", "secret", token or None), "s3", "eu-west-1", expires=60)
    signer.add_auth(theirs)
    assert ours.partition("?")[0] == theirs.url.partition("?")[0]
    assert parse_qs(urlsplit(ours).query) == parse_qs(urlsplit(theirs.url).query)


def test_a_url_lives_no_longer_than_the_credentials(serve: Serve, stored: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 600))
    monkeypatch.setattr(s3_request, "credentials", lambda: s3_request.Credentials("a", "b", "c", ends))
    pointer = serve(bundles.wide(), environment=TO_S3)(ROWS)
    assert 590 <= pointer["expires_in"] <= 600
    assert f"X-Amz-Expires={pointer['expires_in']}&" in pointer["url"]


ODD = [
    {"y": np.full((3, 2), -1.1754943508222875e-38, np.float32)},
    {"y": np.full((500,), -2.2250738585072014e-308)},
    {"y": np.full((40, 1, 1, 1), -(2**63))},
    {"y": np.zeros((1000, 0), np.float32), "z": np.array(True)},
    {"a" * 50: np.zeros((20, 1), np.float32), "ü\n😀": np.full((20,), 1e300)},
    {"y": np.array(["ü\n😀\\", None, 2**64], object)},
    {"y": np.array(["x" * 70] * 3)},
]


@pytest.mark.parametrize("outputs", ODD)
@pytest.mark.parametrize("is_known", [True, False])
def test_the_bound_is_never_below_what_is_written(outputs: Mapping[str, Any], is_known: bool) -> None:
    columns = {name: array.tolist() for name, array in outputs.items()}
    rows = [dict.fromkeys(outputs, row) for column in columns.values() if isinstance(column, list) for row in column]
    for value in ({"outputs": columns}, {"predictions": rows if len(outputs) > 1 else columns.get("y")}):
        written = max(len(json.dumps(value)), large.text_bytes(value))
        sure = next(n for n in range(0, 10**6, 10) if answer_size.fits(value, outputs if is_known else None, n))
        assert sure >= written


def test_a_callers_long_id_counts_too() -> None:
    outputs = {"y": np.zeros(1)}
    assert not answer_size.fits({"id": "x" * 10_000, "outputs": []}, outputs, 10_000)


APPLICATION = """
from fastapi import FastAPI, Response

app = FastAPI()

@app.post("/raw")
def raw(count: int):
    headers = {"content-disposition": "attachment", "etag": "1", "cache-control": "max-age=9", "set-cookie": "a=1"}
    return Response(bytes(count), media_type="image/png", headers=headers)

@app.get("/text")
def text(count: int, status: int = 200):
    return Response("\\u00fc\\n" * count, status, media_type="text/plain")
"""


@pytest.fixture
def application(serve: Serve, stored: Any) -> Iterator[Function]:
    before = signal.getsignal(signal.SIGTERM)
    yield serve(events=HTTP, environment=TO_S3, handler=APPLICATION, application="app")
    asgi.stop()
    signal.signal(signal.SIGTERM, before)


def query(path: str, text: str, method: str = "GET") -> Any:
    return {**request(path, method=method), "rawQueryString": text}


def test_an_applications_answer_goes_there_with_what_it_says_of_it(application: Function, stored: Any) -> None:
    status, told, headers = answered(application, query("/raw", "count=5000000", "POST"))
    found = only(stored)
    assert (status, headers["location"], told["bytes"]) == (303, told["url"], 5_000_000)
    assert (found["ContentType"], found["ContentDisposition"]) == ("image/png", "attachment")
    assert headers["content-type"] == "application/json" and headers["x-request-id"]
    assert not {"etag", "cache-control", "content-length", "content-disposition"} & headers.keys()
    assert application(query("/raw", "count=4000000", "POST"))["statusCode"] == 200


def test_an_applications_text_is_measured_as_lambda_counts_it(application: Function, stored: Any) -> None:
    assert application(query("/text", "count=1500000"))["statusCode"] == 200
    assert application(query("/text", "count=1600000"))["statusCode"] == 303
    assert only(stored)["Body"] == "ü\n".encode() * 1_600_000


def test_an_applications_failure_is_not_kept(application: Function, stored: Any) -> None:
    assert application(query("/text", "count=1600000&status=500"))["statusCode"] == 500
    assert stored.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0


def test_a_load_balancer_that_wants_lists_gets_them(application: Function, stored: Any) -> None:
    event = {**recorded("alb_multi_value"), "httpMethod": "GET", "path": "/text", "body": ""}
    answer = application({**event, "multiValueQueryStringParameters": {"count": ["400000"]}})
    assert (answer["statusCode"], answer["multiValueHeaders"]["content-type"]) == (303, ["application/json"])
    assert answer["multiValueHeaders"]["location"] == [json.loads(answer["body"])["url"]]


def test_a_rest_api_gets_them_in_its_form(application: Function, stored: Any) -> None:
    event = {**recorded("api_gateway_rest"), "httpMethod": "GET", "path": "/text", "body": ""}
    answer = application({**event, "multiValueQueryStringParameters": {"count": ["1600000"]}})
    assert (answer["statusCode"], answer["headers"]["location"]) == (303, json.loads(answer["body"])["url"])
    assert answer["headers"]["content-type"] == "application/json" and not answer["multiValueHeaders"]
    assert only(stored)["ContentType"].startswith("text/plain")


def test_without_a_bucket_an_application_gets_a_413(application: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLSDEPLOY_LARGE_ANSWERS")
    status, told, _ = answered(application, query("/text", "count=1600000"))
    assert status == 413 and "as Lambda wraps it, 6291456 can be answered" in told["error"]
