"""Function URLs, the pure half: requests to events, answers to responses, signatures."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from slsdeploy.local.functions.sigv4 import Unsigned, caller_of
from slsdeploy.local.functions.url_event import BadResponse, HttpRequest, Site, make_event, read_response

SITE = Site("a" * 32, "eu-central-1", 1)


def request(**changes: Any) -> HttpRequest:
    values = {"method": "POST", "path": "/", "query": "", "headers": [], "body": b"", "source_ip": "127.0.0.1"}
    return HttpRequest(**{**values, **changes})


@pytest.mark.parametrize(
    "kind",
    ["application/json", "text/csv; charset=utf-8", "application/vnd.api+json", "Application/XML", "image/svg+xml"],
)
def test_text_goes_as_it_is(kind: str) -> None:
    event = make_event(request(body="é".encode(), headers=[("Content-Type", kind)]), SITE, None)
    assert (event["body"], event["isBase64Encoded"]) == ("é", False)


@pytest.mark.parametrize("kind", ["", "application/octet-stream", "application/x-www-form-urlencoded", "image/png"])
def test_anything_else_goes_as_base64(kind: str) -> None:
    event = make_event(request(body=b"abc", headers=[("Content-Type", kind)] if kind else []), SITE, None)
    assert (event["body"], event["isBase64Encoded"]) == ("YWJj", True)


def test_text_that_is_not_utf_8_goes_as_base64() -> None:
    event = make_event(request(body=b"\xff", headers=[("Content-Type", "text/plain")]), SITE, None)
    assert event["isBase64Encoded"] is True


def test_repeated_headers_and_parameters_are_joined() -> None:
    headers = [("X-A", "1"), ("x-a", "2"), ("Cookie", "a=1"), ("cookie", "b=2; c=3")]
    event = make_event(request(headers=headers, query="k=1&k=&K=%20"), SITE, None)
    assert event["headers"]["x-a"] == "1,2"
    assert event["cookies"] == ["a=1", "b=2", "c=3"]
    assert event["queryStringParameters"] == {"k": "1,", "K": " "}


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        ('{"statusCode": 201, "body": "x"}', 201, b"x"),
        ('{"statusCode": "202"}', 202, b""),
        ('{"statusCode": 200, "body": {"a": 1}}', 200, b'{"a": 1}'),
        ('{"statusCode": 200, "body": "AP8=", "isBase64Encoded": true}', 200, b"\x00\xff"),
        ('{"a": 1}', 200, b'{"a": 1}'),
        ('"text"', 200, b'"text"'),
        ("null", 200, b"null"),
    ],
)
def test_an_answer_is_read(answer: str, status: int, body: bytes) -> None:
    response = read_response(answer.encode())
    assert (response.status, response.body) == (status, body)
    assert ("content-type", "application/json") in response.headers


@pytest.mark.parametrize(
    "answer",
    [
        {"statusCode": "many"},
        {"statusCode": 99},
        {"statusCode": 1000},
        {"statusCode": None},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"a": "b\r\nSet-Cookie: c"}},
        {"statusCode": 200, "body": "***", "isBase64Encoded": True},
    ],
)
def test_an_answer_that_is_no_response_is_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(BadResponse):
        read_response(json.dumps(answer).encode())


def test_header_values_are_text_whatever_they_were() -> None:
    response = read_response(b'{"statusCode": 200, "headers": {"A": 1, "B": true, "C": null, "Content-Type": "x/y"}}')
    assert list(response.headers) == [("A", "1"), ("B", "true"), ("Content-Type", "x/y")]


def signed(url: str, body: bytes, **credentials: str) -> HttpRequest:
    made = AWSRequest("POST", url, data=body, headers={"X-Mine": "a  b"})
    keys = {"access_key": "test", "secret_key": "test", **credentials}
    SigV4Auth(Credentials(**keys), "lambda", "eu-central-1").add_auth(made)
    _, _, rest = url.partition("//")
    host, _, target = rest.partition("/")
    path, _, query = ("/" + target).partition("?")
    return request(path=path, query=query, body=body, headers=[("Host", host), *made.headers.items()])


@pytest.mark.parametrize(
    "target", ["", "v2/models/iris/infer", "a%20b/%C3%A9", "?b=2&a=1&a=0&empty=", "x?q=a%20b%2Fc&t=~._-", "a//b/%2F"]
)
def test_botocores_signature_is_accepted(target: str) -> None:
    caller = caller_of(signed(f"http://127.0.0.1:8080/{target}", b'{"a": 1}'), "eu-central-1")
    assert (caller["accessKey"], caller["accountId"]) == ("test", "123456789012")


def changed(signed_request: HttpRequest, **changes: Any) -> HttpRequest:
    names = ("method", "path", "query", "headers", "body", "source_ip")
    return HttpRequest(**{**{name: getattr(signed_request, name) for name in names}, **changes})


@pytest.mark.parametrize("change", [{"body": b"other"}, {"path": "/other"}, {"query": "a=2"}, {"method": "PUT"}])
def test_a_request_that_was_changed_is_not(change: dict[str, Any]) -> None:
    with pytest.raises(Unsigned, match="does not match the signature"):
        caller_of(changed(signed("http://h/x?a=1", b"body"), **change), "eu-central-1")


def test_an_old_signature_is_not_accepted() -> None:
    good = signed("http://h/", b"")
    old = (datetime.now(UTC) - timedelta(minutes=6)).strftime("%Y%m%dT%H%M%SZ")
    headers = [(name, old if name.lower() == "x-amz-date" else value) for name, value in good.headers]
    with pytest.raises(Unsigned, match="expired"):
        caller_of(changed(good, headers=headers), "eu-central-1")


def test_another_region_and_no_signature_at_all_are_not_accepted() -> None:
    with pytest.raises(Unsigned, match="region"):
        caller_of(signed("http://h/", b""), "us-east-1")
    for header in ("", "Bearer x", "AWS4-HMAC-SHA256 Credential=a"):
        with pytest.raises(Unsigned, match="Forbidden"):
            caller_of(request(headers=[("authorization", header)]), "eu-central-1")


def test_the_payload_hash_that_is_signed_must_be_the_bodys() -> None:
    good = signed("http://h/", b"a")
    headers = [*good.headers, ("x-amz-content-sha256", base64.b16encode(b"0" * 32).decode().lower())]
    with pytest.raises(Unsigned):
        caller_of(changed(good, headers=headers), "eu-central-1")
