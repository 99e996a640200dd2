"""How HTTP reaches the function: its own URL, an HTTP API, a REST API or a load balancer. Pure: what each way needs in the stack.

The two APIs are the stack's own; the load balancer and its listener exist already. All of them call the alias.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from slsdeploy_runtime.events import Site, Wiring
from slsdeploy_runtime.limits import within

if TYPE_CHECKING:
    from slsdeploy_runtime.events.http import Trigger

# What the stage of our REST API tells the function with each request: see `http_event.takes_bytes`.
TAKES_BYTES = {"takes_bytes": "true"}
STAGE = "live"
# where the function reads which part of the path is the listener's rule's: see `http_event.read`
BASE = "SLSDEPLOY_BALANCER_BASE"
_LISTENER = re.compile(r"arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\d{12}:listener/app/[\w-]+/[0-9a-f]+/[0-9a-f]+")
# `?` and further `*` would be patterns too, whose beginning the function could not take away again
_PATH = re.compile(r"(/[A-Za-z0-9_.~$:@%&+-]+)*/\*")
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html (128 characters)
_PATH_LENGTH = 128
_PRIORITY = 50_000


def check(trigger: Trigger) -> None:
    """Raise ValueError for options that the chosen way does not have, or lacks."""
    if trigger.via == "load_balancer":
        _check_balancer(trigger)
        return
    given = {"listener": trigger.listener is not None, "path": trigger.path != "/*", "priority": bool(trigger.priority)}
    for option in (option for option, is_given in given.items() if is_given):
        raise ValueError(f'{option}: found one with via = "{trigger.via}"; only a load balancer has it')
    if trigger.via == "rest_api" and trigger.cors is not None:
        raise ValueError(
            'cors: found some with via = "rest_api", which has none of its own; expected via = "http_api" or "url"'
        )


def _check_balancer(trigger: Trigger) -> None:
    if trigger.cors is not None:
        raise ValueError('cors: found some with via = "load_balancer"; they are attributes of its listener')
    if trigger.auth != "none":
        raise ValueError(
            f'auth: found "{trigger.auth}" with via = "load_balancer", which checks no signatures; expected auth = "none"; '
            "who may call is the listener's to say: its own authentication (authenticate-oidc, authenticate-cognito), its security group"
        )
    if not _LISTENER.fullmatch(trigger.listener or ""):
        raise ValueError(
            f'listener: found "{trigger.listener or ""}", expected the ARN of a listener of an application load balancer, '
            'as in "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/web/50dc6c495c0c9188/f2f7dc8efc522ab2"'
        )
    if not _PATH.fullmatch(trigger.path) or len(trigger.path) > _PATH_LENGTH:
        raise ValueError(
            f'path: found "{trigger.path}", expected "/*" or what begins a path, as in "/iris/*", of at most {_PATH_LENGTH} characters'
        )
    if not trigger.priority:
        raise ValueError(
            f"priority: found none, expected 1 to {_PRIORITY}: the listener's rules are tried in this order, no two have the same"
        )
    within("priority", trigger.priority, 1, _PRIORITY)


def wire(trigger: Trigger, site: Site) -> Wiring:
    """Return what the way that the trigger chose needs.

    Logical ids differ from way to way: CloudFormation changes no resource's type.
    """
    ways = {"url": _url, "http_api": _http_api, "rest_api": _rest_api, "load_balancer": _load_balancer}
    return ways[trigger.via](trigger, site)


def _cors(trigger: Trigger) -> dict[str, Any] | None:
    return None if trigger.cors is None else import_module("slsdeploy_runtime.cors").to_aws(trigger.cors)


def _url(trigger: Trigger, site: Site) -> Wiring:
    """SAM adds the two permissions that a public URL needs since October 2025 (InvokeFunctionUrl, and InvokeFunction through the URL only).

    https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
    """
    cors = _cors(trigger)
    properties = {
        "AuthType": "AWS_IAM" if trigger.auth == "iam" else "NONE",
        **({} if cors is None else {"Cors": cors}),
    }
    return Wiring(
        properties={"FunctionUrlConfig": properties},
        outputs={"Url": {"Fn::GetAtt": [f"{site.function}Url", "FunctionUrl"]}},
    )


def _http_api(trigger: Trigger, site: Site) -> Wiring:
    """One route for everything, `$default`, which signed requests may use, or anybody.

    No preflight is signed: beside a route that is, it needs one that anybody may use; API Gateway adds the headers to its answer.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html#http-api-cors-default-route
    """
    api, cors = f"{site.trigger}HttpApi", _cors(trigger)
    is_signed = trigger.auth == "iam"
    route: dict[str, Any] = {"ApiId": {"Ref": api}, "PayloadFormatVersion": "2.0"}
    auth = {"Auth": {"Authorizer": "AWS_IAM"}} if is_signed else {}
    events = {site.trigger: {"Type": "HttpApi", "Properties": {**route, **auth}}}
    if is_signed and cors is not None:
        preflight = {**route, "Path": "/{proxy+}", "Method": "OPTIONS"}
        events[f"{site.trigger}Preflight"] = {"Type": "HttpApi", "Properties": preflight}
    properties: dict[str, Any] = {"Name": {"Ref": "AWS::StackName"}}
    if is_signed:
        properties["Auth"] = {"EnableIamAuthorizer": True}
    if cors is not None:
        properties["CorsConfiguration"] = cors
    return Wiring(
        events=events,
        resources={api: {"Type": "AWS::Serverless::HttpApi", "Properties": properties}},
        outputs={"Url": _execute_url(api, "/")},
    )


def _rest_api(trigger: Trigger, site: Site) -> Wiring:
    """Every path and method, bodies of any type as bytes.

    SAM's `InvokeRole: NONE`: else the function would be called with the rights of whoever asks, who would need them.
    """
    api = f"{site.trigger}RestApi"
    properties: dict[str, Any] = {
        "Name": {"Ref": "AWS::StackName"},
        "StageName": STAGE,
        "OpenApiVersion": "3.0.1",  # else SAM adds a second stage, named "Stage"
        "EndpointConfiguration": {"Type": "REGIONAL"},
        "BinaryMediaTypes": ["*/*"],
        "Variables": TAKES_BYTES,
    }
    if trigger.auth == "iam":
        properties["Auth"] = {"DefaultAuthorizer": "AWS_IAM", "InvokeRole": "NONE"}
    events = {
        name: {"Type": "Api", "Properties": {"RestApiId": {"Ref": api}, "Path": path, "Method": "ANY"}}
        for name, path in ((site.trigger, "/{proxy+}"), (f"{site.trigger}Root", "/"))
    }
    return Wiring(
        events=events,
        resources={api: {"Type": "AWS::Serverless::Api", "Properties": properties}},
        outputs={"Url": _execute_url(api, f"/{STAGE}/")},
    )


def _execute_url(api: str, path: str) -> dict[str, str]:
    return {"Fn::Sub": f"https://${{{api}}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}{path}"}


def _load_balancer(trigger: Trigger, site: Site) -> Wiring:
    """A rule of the listener, and the target group that it forwards to, which alone may call the function.

    The permission has to be there before the target is registered, and names the group; so the group's name is known before there is one.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
    """
    group, permission, rule = (f"{site.trigger}{part}" for part in ("TargetGroup", "Permission", "Rule"))
    # at most 32 characters, and unlike any other stack's: the last 12 digits of the stack's id
    stack_id = {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}
    name = {"Fn::Join": ["-", ["slsdeploy", {"Fn::Select": [4, {"Fn::Split": ["-", stack_id]}]}]]}
    account = "arn:${AWS::Partition}:elasticloadbalancing:${AWS::Region}:${AWS::AccountId}"
    allowed = {
        "Action": "lambda:InvokeFunction",
        "FunctionName": site.alias,
        "Principal": "elasticloadbalancing.amazonaws.com",
        "SourceArn": {"Fn::Sub": [f"{account}:targetgroup/${{Name}}/*", {"Name": name}]},
    }
    target = {
        "Name": name,
        "TargetType": "lambda",
        "TargetGroupAttributes": [{"Key": "lambda.multi_value_headers.enabled", "Value": "true"}],
        "Targets": [{"Id": site.alias}],
    }
    forwarding = {
        "ListenerArn": trigger.listener,
        "Priority": trigger.priority,
        "Conditions": [{"Field": "path-pattern", "PathPatternConfig": {"Values": [trigger.path]}}],
        "Actions": [{"Type": "forward", "TargetGroupArn": {"Ref": group}}],
    }
    balancing = "AWS::ElasticLoadBalancingV2"
    base = trigger.path.removesuffix("/*")
    return Wiring(
        resources={
            permission: {"Type": "AWS::Lambda::Permission", "Properties": allowed},
            group: {"Type": f"{balancing}::TargetGroup", "DependsOn": [permission], "Properties": target},
            rule: {"Type": f"{balancing}::ListenerRule", "Properties": forwarding},
        },
        environment={BASE: base} if base else {},
        outputs={"TargetGroupArn": {"Ref": group}},
    )
