"""An inference request -> the event of a POST to /predict as it comes by Function URL, HTTP API, REST API or load balancer. Pure."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from slsdeploy_runtime import http_ways

if TYPE_CHECKING:
    from slsdeploy_runtime.events.http import Trigger

_HEADERS = {"content-type": "application/json", "host": "localhost"}
_LISTS = {name: [value] for name, value in _HEADERS.items()}


def make(body: Any, trigger: Trigger) -> dict[str, Any]:
    """Return the event."""
    forms = {"url": _format_2, "http_api": _format_2, "rest_api": _format_1, "load_balancer": _of_balancer}
    return forms[trigger.via](json.dumps(body), trigger)


def _format_2(body: str, trigger: Trigger) -> dict[str, Any]:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/predict",
        "rawQueryString": "",
        "headers": _HEADERS,
        "requestContext": {
            "http": {"method": "POST", "path": "/predict", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "requestId": "sample",
            "stage": "$default",
        },
        "body": body,
        "isBase64Encoded": False,
    }


def _format_1(body: str, trigger: Trigger) -> dict[str, Any]:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html.

    The body is in base64, as every one is where all types are binary.
    """
    return {
        "resource": "/{proxy+}",
        "path": "/predict",
        "httpMethod": "POST",
        "headers": _HEADERS,
        "multiValueHeaders": _LISTS,
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"proxy": "predict"},
        "stageVariables": http_ways.TAKES_BYTES,
        "requestContext": {
            "httpMethod": "POST",
            "path": f"/{http_ways.STAGE}/predict",
            "protocol": "HTTP/1.1",
            "stage": http_ways.STAGE,
            "requestId": "sample",
            "resourcePath": "/{proxy+}",
            "identity": {"sourceIp": "127.0.0.1"},
        },
        "body": b64encode(body.encode()).decode(),
        "isBase64Encoded": True,
    }


def _of_balancer(body: str, trigger: Trigger) -> dict[str, Any]:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html."""
    return {
        "requestContext": {"elb": {"targetGroupArn": "sample"}},
        "httpMethod": "POST",
        "path": trigger.path.removesuffix("/*") + "/predict",
        "multiValueQueryStringParameters": {},
        "multiValueHeaders": _LISTS,
        "body": body,
        "isBase64Encoded": False,
    }
