"""Function URLs: a port of their own, the event as AWS builds it, the response as AWS reads it, IAM as AWS checks it."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.e2e.local_lambda import REGION, Lab, local_lambda

pytestmark = pytest.mark.e2e

CODE = """
import json, time
def handler(event, context):
    path = event["rawPath"]
    if path == "/fail": raise ValueError("no")
    if path == "/sleep": time.sleep(30)
    if path == "/plain": return {"hello": "there"}
    if path == "/bad": return {"statusCode": "none"}
    if path == "/answer": return json.loads(event["body"])
    return {"statusCode": 200, "body": json.dumps(event)}
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with local_lambda(tmp_path_factory.mktemp("lambda")) as made:
        made.create("web", CODE, Timeout=1)
        yield made


@pytest.fixture(scope="module")
def url(lab: Lab) -> str:
    return lab.functions.open_url(REGION, "web", None, "NONE")


def fetch(
    url: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, http.client.HTTPMessage, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        connection.request(
            method, f"{parts.path}?{parts.query}" if parts.query else parts.path, body, dict(headers or {})
        )
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def event_of(*request: Any) -> dict[str, Any]:
    status, _, body = fetch(*request)
    assert status == 200, body
    event: dict[str, Any] = json.loads(body)
    return event


def test_the_event_is_payload_format_2(url: str) -> None:
    headers = {"Content-Type": "application/json", "X-Twice": "1", "Cookie": "a=b; c=d", "User-Agent": "me"}
    event = event_of(f"{url}a%20b/c?x=1&x=2&y=%C3%A9", "POST", b'{"n": 1}', headers)
    assert list(event) == [
        *("version", "routeKey", "rawPath", "rawQueryString", "headers", "cookies", "queryStringParameters"),
        *("requestContext", "body", "isBase64Encoded"),
    ]
    assert (event["version"], event["routeKey"], event["rawPath"]) == ("2.0", "$default", "/a%20b/c")
    assert event["rawQueryString"] == "x=1&x=2&y=%C3%A9"
    assert event["queryStringParameters"] == {"x": "1,2", "y": "é"}
    assert event["cookies"] == ["a=b", "c=d"]
    assert event["headers"]["x-twice"] == "1" and "cookie" not in event["headers"]
    assert (event["body"], event["isBase64Encoded"]) == ('{"n": 1}', False)
    context = event["requestContext"]
    assert context["http"] == {
        "method": "POST",
        "path": "/a%20b/c",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "me",
    }
    assert context["accountId"] == "anonymous" and "authorizer" not in context
    assert context["domainName"] == f"{context['apiId']}.lambda-url.{REGION}.on.aws"


def test_bytes_come_as_base64_and_no_body_as_none(url: str) -> None:
    event = event_of(url, "POST", b"\x00\xff", {"Content-Type": "image/png"})
    assert (base64.b64decode(event["body"]), event["isBase64Encoded"]) == (b"\x00\xff", True)
    event = event_of(url)
    assert "body" not in event and event["isBase64Encoded"] is False


def test_a_response_is_mapped(url: str) -> None:
    wanted = {
        "statusCode": 201,
        "headers": {"X-Mine": "1", "content-type": "image/png"},
        "cookies": ["a=b; Secure", "c=d"],
        "body": base64.b64encode(b"\x00\xff").decode(),
        "isBase64Encoded": True,
    }
    status, headers, body = fetch(f"{url}answer", "POST", json.dumps(wanted).encode(), {"Content-Type": "text/plain"})
    assert (status, body, headers["X-Mine"], headers["content-type"]) == (201, b"\x00\xff", "1", "image/png")
    assert headers.get_all("set-cookie") == ["a=b; Secure", "c=d"]


def test_an_answer_without_a_status_is_the_body(url: str) -> None:
    status, headers, body = fetch(f"{url}plain")
    assert (status, headers["content-type"], json.loads(body)) == (200, "application/json", {"hello": "there"})


@pytest.mark.parametrize("path", ["fail", "bad", "sleep"])
def test_a_function_that_fails_is_a_502_without_its_traceback(url: str, path: str) -> None:
    status, _, body = fetch(url + path)
    assert (status, json.loads(body)) == (502, {"Message": "Internal Server Error"})


@pytest.mark.parametrize("bytes_", [7_000_000, 6_000_000])
def test_a_body_that_is_too_large_is_a_413(url: str, bytes_: int) -> None:
    """Six million bytes are within the limit as they are, but not as base64."""
    status, _, _ = fetch(url, "POST", b"x" * bytes_, {"Content-Type": "application/octet-stream"})
    assert status == 413


def test_a_missing_function_is_refused(lab: Lab) -> None:
    url = lab.functions.open_url(REGION, "nobody", None, "NONE")
    assert fetch(url)[0] == 404


def test_urls_are_stable_until_closed(lab: Lab) -> None:
    url = lab.functions.open_url(REGION, "web", "$LATEST", "NONE")
    assert lab.functions.open_url(REGION, "web", "$LATEST", "NONE") == url
    lab.functions.close_url(REGION, "web", "$LATEST")
    lab.functions.close_url(REGION, "web", "$LATEST")
    with pytest.raises(ConnectionRefusedError):
        fetch(url)


def signed(url: str, body: bytes, service: str = "lambda", secret: str = "test", key: str = "test") -> dict[str, str]:
    request = AWSRequest("POST", url, data=body, headers={"Content-Type": "application/json"})
    SigV4Auth(Credentials(key, secret), service, REGION).add_auth(request)
    return dict(request.headers)


def test_an_iam_url_lets_only_signed_requests_in(lab: Lab) -> None:
    lab.create("iam", CODE)
    url = lab.functions.open_url(REGION, "iam", None, "AWS_IAM") + "a%20b?q=%C3%A9&a=~"
    status, headers, body = fetch(url)
    assert (status, json.loads(body)) == (403, {"Message": "Forbidden"})
    assert headers["x-amzn-ErrorType"] == "AccessDeniedException"
    event = event_of(url, "POST", b'{"n": 1}', signed(url, b'{"n": 1}'))
    assert event["requestContext"]["authorizer"]["iam"]["accessKey"] == "test"
    assert event["requestContext"]["accountId"] == "123456789012"
    assert fetch(url, "POST", b'{"n": 2}', signed(url, b'{"n": 1}'))[0] == 403
    assert fetch(url, "POST", b"{}", signed(url, b"{}", secret="wrong"))[0] == 403
    assert fetch(url, "POST", b"{}", signed(url, b"{}", service="s3"))[0] == 403
    assert fetch(url, "POST", b"{}", signed(url, b"{}", key="AKIAUNKNOWN", secret="anything"))[0] == 200


def test_the_auth_type_can_change(lab: Lab) -> None:
    lab.create("opens", CODE)
    url = lab.functions.open_url(REGION, "opens", None, "AWS_IAM")
    assert fetch(url)[0] == 403
    assert lab.functions.open_url(REGION, "opens", None, "NONE") == url
    assert fetch(url)[0] == 200


CORS = {
    "AllowOrigins": ["https://www.example.com"],
    "AllowMethods": ["POST"],
    "AllowHeaders": ["content-type"],
    "ExposeHeaders": ["server-timing"],
    "MaxAge": 60,
    "AllowCredentials": True,
}


def test_a_preflight_is_answered_without_the_function_and_without_a_signature(lab: Lab) -> None:
    url = lab.functions.open_url(REGION, "nobody-home", None, "AWS_IAM", CORS)
    asked = {"Origin": "https://www.example.com", "Access-Control-Request-Method": "POST"}
    status, headers, body = fetch(url, "OPTIONS", headers=asked)
    told = {name: value for name, value in headers.items() if name.startswith("Access-Control")}
    assert (status, body) == (200, b"")
    assert told == {
        "Access-Control-Allow-Origin": "https://www.example.com",
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": "content-type",
        "Access-Control-Max-Age": "60",
    }
    _, headers, _ = fetch(url, "OPTIONS", headers={**asked, "Origin": "https://evil.example.com"})
    assert not [name for name in headers if name.startswith("Access-Control")]


def test_other_answers_get_the_headers_beside_their_own(lab: Lab) -> None:
    url = lab.functions.open_url(REGION, "web", None, "NONE", CORS)
    try:
        own = json.dumps({"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "mine"}}).encode()
        origin = {"Origin": "https://www.example.com", "Content-Type": "application/json"}
        _, headers, _ = fetch(url + "answer", "POST", own, origin)
        assert headers.get_all("Access-Control-Allow-Origin") == ["mine", "https://www.example.com"]
        assert headers["Access-Control-Expose-Headers"] == "server-timing"
        _, headers, _ = fetch(url + "plain")
        assert "Access-Control-Allow-Origin" not in headers
    finally:
        lab.functions.open_url(REGION, "web", None, "NONE")
    _, headers, _ = fetch(url + "plain", headers={"Origin": "https://www.example.com"})
    assert "Access-Control-Allow-Origin" not in headers
