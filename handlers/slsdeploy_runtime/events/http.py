"""HTTP: a Function URL, an HTTP API, a REST API, or a rule of a load balancer; events of all of them are answered, wired here or not.

`http_ways.py` wires them. `http_event.py` reads the event and writes the answer; `routes.py` has what lies between.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from slsdeploy_runtime.events import Placed, Problem, Site, Source, Wiring, option

# a Function URL, which has no more options
_URL = ("url", None, "/*", None)
# seconds: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html, and for a REST API
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
_WAITS = {"http_api": 30, "rest_api": 29}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """Who may call the function over HTTP, and which way.

    With `auth = "iam"` a caller signs its requests. For a Function URL it needs `lambda:InvokeFunctionUrl` and, since October 2025,
    `lambda:InvokeFunction` too (https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html); for an API `execute-api:Invoke`.
    Raises ValueError for what does not fit the way.
    """

    type: Literal["http"] = "http"
    via: Literal["url", "http_api", "rest_api", "load_balancer"] = option(
        "url",
        "which way requests come: a Function URL, an API Gateway HTTP API or REST API (of the stack's own), or a load balancer that exists",
    )
    auth: Literal["iam", "none"] = option(
        "iam",
        'who may call it: signed requests of those who are allowed to, or anybody (a load balancer knows "none" only)',
    )
    cors: Mapping[str, Any] | None = option(
        None,
        "which web pages may call it: { allow_origins, allow_methods, allow_headers, expose_headers, max_age, allow_credentials };"
        ' for via = "url" or "http_api"',
        schema="slsdeploy_runtime.cors",
    )
    listener: str | None = option(None, 'with via = "load_balancer": the ARN of the listener that gets a rule')
    path: str = option("/*", 'with via = "load_balancer": which paths are the function\'s, as in "/iris/*"')
    priority: int | None = option(
        None, "with via = \"load_balancer\": the rule's place among the listener's, 1 to 50000, needed"
    )

    def __post_init__(self) -> None:
        if self.cors is not None:
            import_module("slsdeploy_runtime.cors").check(self.cors)
        if (self.via, self.listener, self.path, self.priority) != _URL:
            import_module("slsdeploy_runtime.http_ways").check(self)

    @property
    def waits(self) -> int | None:
        """Return for how many seconds the way waits for an answer, whatever the function's timeout is; None where that is longer."""
        return _WAITS.get(self.via)


def check(triggers: Sequence[Any]) -> Iterator[Problem]:
    """Find a second one of a way: an alias has one URL at most, and one API says all that two could.

    https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunctionUrlConfig.html
    """
    seen = set()
    for index, each in enumerate(triggers):
        if not isinstance(each, Trigger):
            continue
        if each.via in seen:
            message = f'found a second trigger of type "http" with via = "{each.via}"; a function can have one'
            yield Problem(index, "", message, "remove it, give it another `via`, or make it a project of its own")
        seen.add(each.via)


def wire(trigger: Trigger, site: Site) -> Wiring:
    """Let requests come the way that the trigger chose."""
    wiring: Wiring = import_module("slsdeploy_runtime.http_ways").wire(trigger, site)
    return wiring


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
    """Return a POST to /predict, as it comes the trigger's way."""
    event: Any = import_module("slsdeploy_runtime.http_sample").make(body, placed.options)
    return event
