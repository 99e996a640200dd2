"""API Gateway, the pure half: which route a request goes to, its event, and what an answer means."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slsdeploy.local.functions.api_event import ApiSite, make_event, read_response
from slsdeploy.local.functions.api_routes import Api, Found, Route, find
from slsdeploy.local.functions.url_event import BadResponse, HttpRequest

EVENTS = Path(__file__).parents[1] / "events"
ROUTES = tuple(
    Route(method, path, f"{method} {path}")
    for method, path in [
        ("ANY", "$default"),
        ("GET", "/pets"),
        ("ANY", "/pets"),
        ("ANY", "/pets/{id}"),
        ("GET", "/pets/dog"),
        ("ANY", "/pets/{rest+}"),
    ]
)
HTTP = Api("http", "eu-west-1", "r3pmxmplak", ROUTES, {"$default": {}, "prod": {"a": "b"}}, {})
REST_ROUTES = (Route("ANY", "/", "f"), Route("ANY", "/{proxy+}", "f"))
REST = Api("rest", "eu-west-1", "70ixmpl4fl", REST_ROUTES, {"live": {"takes_bytes": "true"}}, {}, ("*/*",))
SITE = ApiSite("70ixmpl4fl", "eu-west-1", 1)
CALLER = {"accessKey": "A", "accountId": "1", "callerId": "C", "userArn": "arn:u", "userId": "U"}


def request(**changes: Any) -> HttpRequest:
    values = {"method": "POST", "path": "/", "query": "", "headers": [], "body": b"", "source_ip": "127.0.0.1"}
    return HttpRequest(**{**values, **changes})


def found(api: Api, method: str, path: str) -> Found:
    where = find(api, method, path)
    assert where is not None
    return where


@pytest.mark.parametrize(
    ("method", "path", "function", "parameters"),
    [
        ("GET", "/pets", "GET /pets", {}),
        ("PUT", "/pets", "ANY /pets", {}),
        ("GET", "/pets/dog", "GET /pets/dog", {}),
        ("PUT", "/pets/dog", "ANY /pets/{id}", {"id": "dog"}),
        ("GET", "/pets/a%20b", "ANY /pets/{id}", {"id": "a b"}),
        ("GET", "/pets/a/b", "ANY /pets/{rest+}", {"rest": "a/b"}),
        ("GET", "/other", "ANY $default", {}),
        ("GET", "/", "ANY $default", {}),
    ],
)
def test_the_route_that_says_most_is_taken(method: str, path: str, function: str, parameters: dict[str, str]) -> None:
    where = found(HTTP, method, path)
    assert (where.route.function, dict(where.parameters), where.stage) == (function, parameters, "$default")


def test_a_stage_is_first_in_the_path() -> None:
    assert found(HTTP, "GET", "/prod/pets").route.key == "GET /pets"
    assert (found(REST, "GET", "/live").path, found(REST, "GET", "/live").route.path) == ("/", "/")
    assert found(REST, "GET", "/live/a/b").parameters == {"proxy": "a/b"}
    assert find(REST, "GET", "/predict") is None
    assert find(replace(HTTP, stages={"prod": {}}), "GET", "/pets") is None
    assert find(replace(HTTP, routes=ROUTES[1:]), "GET", "/other") is None


def test_events_have_the_fields_of_recorded_ones() -> None:
    asked = request(path="/live/predict", body=b'{"a": 1}', headers=[("Content-Type", "application/json")])
    event = make_event(asked, SITE, REST, found(REST, "POST", asked.path), None)
    real = json.loads((EVENTS / "api_gateway_rest.json").read_text())
    assert event.keys() == real.keys()
    assert event["requestContext"].keys() == real["requestContext"].keys()
    assert event["requestContext"]["identity"].keys() == real["requestContext"]["identity"].keys()
    assert (event["path"], event["requestContext"]["path"]) == ("/predict", "/live/predict")
    assert event["headers"].keys() - {"X-Forwarded-Proto"} <= real["headers"].keys()
    asked = request(path="/prod/pets/dog", headers=[("Content-Type", "application/json")], body=b"{}")
    event = make_event(asked, SITE, HTTP, found(HTTP, "POST", asked.path), None)
    real = json.loads((EVENTS / "api_gateway_http.json").read_text())
    assert event.keys() == {*real, "stageVariables"}
    assert event["requestContext"].keys() == real["requestContext"].keys()
    assert event["routeKey"] == event["requestContext"]["routeKey"] == "ANY /pets/{id}"
    assert event["requestContext"]["accountId"] == "123456789012"


def test_a_rest_api_tells_who_signed_and_every_value() -> None:
    asked = request(path="/live/a", query="x=1&x=2", headers=[("X-Twice", "1"), ("X-Twice", "2")])
    event = make_event(asked, SITE, REST, found(REST, "POST", asked.path), CALLER)
    identity = event["requestContext"]["identity"]
    assert (identity["userArn"], identity["user"], identity["caller"]) == ("arn:u", "U", "C")
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"]}
    assert event["queryStringParameters"] == {"x": "2"}
    assert event["multiValueHeaders"]["X-Twice"] == ["1", "2"]
    assert (event["body"], event["isBase64Encoded"]) == (None, False)


@pytest.mark.parametrize(
    ("binary", "kind", "is_bytes"),
    [
        (("*/*",), "application/json", True),
        (("image/png",), "image/png", True),
        (("image/png",), "application/json", False),
        ((), "application/octet-stream", False),
    ],
)
def test_bodies_are_bytes_where_a_rest_api_says_so(binary: tuple[str, ...], kind: str, is_bytes: bool) -> None:
    api = replace(REST, binary=binary)
    asked = request(path="/live/a", body=b"abc", headers=[("Content-Type", kind), ("Accept", f"{kind}, */*;q=0.1")])
    event = make_event(asked, SITE, api, found(api, "POST", asked.path), None)
    encoded = base64.b64encode(b"abc").decode()
    assert (event["body"], event["isBase64Encoded"]) == ((encoded, True) if is_bytes else ("abc", False))
    answer = json.dumps({"statusCode": 200, "body": encoded, "isBase64Encoded": True}).encode()
    assert read_response(answer, asked, api).body == (b"abc" if is_bytes else encoded.encode())


def test_a_rest_api_takes_lists_of_headers_and_nothing_without_a_status() -> None:
    answer = {"statusCode": 200, "headers": {"A": "0", "B": "1"}, "multiValueHeaders": {"a": ["1", "2"]}, "body": "x"}
    response = read_response(json.dumps(answer).encode(), request(), REST)
    assert [pair for pair in response.headers if pair[0] != "content-type"] == [("B", "1"), ("a", "1"), ("a", "2")]
    for wrong in (b"{", b'"text"', b'{"body": "x"}', b'{"statusCode": 200, "multiValueHeaders": {"a": "b"}}'):
        with pytest.raises(BadResponse):
            read_response(wrong, request(), REST)
    assert read_response(b'{"body": "x"}', request(), HTTP).status == 200  # which an HTTP API makes an answer of
