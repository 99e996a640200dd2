"""Reads APIs, their routes and stages out of moto's own API Gateway backends, in this process, as `Api`s."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from slsdeploy.local.functions.api_routes import DEFAULT, Api, Route
from slsdeploy.local.lambda_names import ACCOUNT

# arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations, or the function's ARN itself (HTTP APIs)
_URI = re.compile(r"(?:.*/functions/)?(arn:aws[a-z-]*:lambda:[^/]+?)(?:/invocations)?")


def apis() -> list[Api]:
    """Return every API that has a stage."""
    # moto's module takes a second to import, which who has no API need not wait for
    from moto.apigateway.models import apigateway_backends
    from moto.apigatewayv2.models import apigatewayv2_backends

    http = [_http(api, region) for region, each in apigatewayv2_backends[ACCOUNT].items() for api in _copy(each.apis)]
    rest = [_rest(api, region) for region, each in apigateway_backends[ACCOUNT].items() for api in _copy(each.apis)]
    return [api for api in (*http, *rest) if api.stages]


def _copy(values: dict[str, Any]) -> list[Any]:
    return list(values.values())


def _http(api: Any, region: str) -> Api:
    stages = {name: dict(stage.stage_variables or {}) for name, stage in list(api.stages.items())}
    cors = {name[:1].upper() + name[1:]: value for name, value in (api.cors_configuration or {}).items()}
    return Api("http", region, api.api_id, tuple(_http_routes(api)), stages, cors)


def _http_routes(api: Any) -> Iterator[Route]:
    for route in _copy(api.routes):
        integration = api.integrations.get((route.target or "").rpartition("/")[2])
        function = _function(integration.integration_uri) if integration else ""
        method, _, path = route.route_key.rpartition(" ")
        if function:
            yield Route(method or "ANY", path or DEFAULT, function, route.authorization_type == "AWS_IAM")


def _rest(api: Any, region: str) -> Api:
    stages = {name: dict(stage.variables or {}) for name, stage in list(api.stages.items())}
    return Api("rest", region, api.id, tuple(_rest_routes(api)), stages, {}, tuple(api.binaryMediaTypes))


def _rest_routes(api: Any) -> Iterator[Route]:
    for resource in _copy(api.resources):
        for method in _copy(resource.resource_methods):
            integration = method.method_integration
            function = _function(integration.uri) if integration and integration.integration_type == "AWS_PROXY" else ""
            if function:
                is_signed = method.authorization_type == "AWS_IAM"
                yield Route(method.http_method, resource.get_path(), function, is_signed)


def _function(uri: str | None) -> str:
    found = _URI.fullmatch(uri or "")
    return found[1] if found else ""
