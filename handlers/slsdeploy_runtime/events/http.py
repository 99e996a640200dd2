"""HTTP: a Function URL of its own; events of API Gateway (REST and HTTP APIs) and load balancers are answered as well.

`http_event.py` reads the event and writes the answer; `routes.py` has what lies between.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from slsdeploy_runtime.events import Placed, Problem, Site, Source, Wiring, option


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A Function URL.

    With `auth = "iam"`, a caller needs `lambda:InvokeFunctionUrl` and, since October 2025, `lambda:InvokeFunction` too
    (https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html), and signs its requests.
    """

    type: Literal["http"] = "http"
    auth: Literal["iam", "none"] = option(
        "iam", "who may call it: signed requests of those who are allowed to, or anybody"
    )
    cors: Mapping[str, Any] | None = option(
        None,
        "which web pages may call it: { allow_origins, allow_methods, allow_headers, expose_headers, max_age, allow_credentials }",
        schema="slsdeploy_runtime.cors",
    )

    def __post_init__(self) -> None:
        if self.cors is not None:
            import_module("slsdeploy_runtime.cors").check(self.cors)


def check(triggers: Sequence[Any]) -> Iterator[Problem]:
    """Find a second one: an alias has one URL at most.

    https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunctionUrlConfig.html
    """
    for index in [index for index, each in enumerate(triggers) if isinstance(each, Trigger)][1:]:
        message = 'found a second trigger of type "http"; a function can have one'
        yield Problem(index, "", message, "remove it, or make it a project of its own")


def wire(trigger: Trigger, site: Site) -> Wiring:
    """Give the function's alias a URL.

    SAM adds the two permissions that a public URL needs since October 2025 (InvokeFunctionUrl, and InvokeFunction through
    the URL only): https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
    """
    auth = "AWS_IAM" if trigger.auth == "iam" else "NONE"
    cors = {} if trigger.cors is None else {"Cors": import_module("slsdeploy_runtime.cors").to_aws(trigger.cors)}
    return Wiring(
        properties={"FunctionUrlConfig": {"AuthType": auth, **cors}},
        outputs={"Url": {"Fn::GetAtt": [f"{site.function}Url", "FunctionUrl"]}},
    )


def start(service: Any, source: Source) -> None:
    """Import the routes, or start the project's own application, while the environment initialises."""
    if service.handler.app is not None:
        import_module("slsdeploy_runtime.asgi").start(service)
        return
    import_module("slsdeploy_runtime.routes")


def matches(event: Any, source: Source) -> bool:
    """Say whether this is an HTTP request of a Function URL, API Gateway or a load balancer."""
    if not isinstance(event, dict):
        return False
    request = event.get("requestContext")
    return isinstance(request, dict) and ("http" in request or "httpMethod" in event or "elb" in request)


def handle(event: Any, context: Any, service: Any, source: Source) -> object:
    """Answer in the form that the event's sender wants."""
    if service.handler.app is not None:
        from slsdeploy_runtime import asgi

        return asgi.handle(event, context, service)
    from slsdeploy_runtime import http_event, routes
    from slsdeploy_runtime.request import BadEvent, BadInput, read_event

    try:
        reply = routes.answer(service, read_event("HTTP", http_event.read, event))
    except BadEvent as error:
        reply = routes.bad_input(service, BadInput(str(error)), "the event")
    except BadInput as error:
        reply = routes.bad_input(service, error, "the event")
    return http_event.write(event, reply)


def sample(body: Any, placed: Placed) -> Any:
    """Return a POST to /predict, as a Function URL sends it."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/predict",
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "localhost"},
        "requestContext": {
            "http": {"method": "POST", "path": "/predict", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "requestId": "sample",
        },
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }
