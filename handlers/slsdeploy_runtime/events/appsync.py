"""AppSync: a GraphQL API whose schema is the model's signature, and whose resolver is the function itself, one event or a batch.

A failure is a GraphQL error: AppSync makes it of what is raised; a batch says for each of its events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from slsdeploy_runtime import graphql
from slsdeploy_runtime.events import Placed, Problem, Site, Source, Wiring, option
from slsdeploy_runtime.resources import caller_role

# https://docs.aws.amazon.com/appsync/latest/APIReference/API_CreateResolver.html
MAX_BATCH = 2000
# What a batch's answers are, which AppSync leaves to the resolver: https://docs.aws.amazon.com/appsync/latest/devguide/tutorial-lambda-resolvers-js.html
BATCHING = """\
import { util } from '@aws-appsync/utils';

export function request(ctx) {
  const { arguments: given, identity, source, request, prev, info, stash } = ctx;
  return { operation: 'BatchInvoke', payload: { arguments: given, identity, source, request, prev, info, stash } };
}

export function response(ctx) {
  if (ctx.error) {
    util.error(ctx.error.message, ctx.error.type);
  }
  if (ctx.result.errorMessage) {
    util.error(ctx.result.errorMessage, ctx.result.errorType);
  }
  return ctx.result.data;
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A GraphQL API, with a field of `Query` for each model.

    Raises ValueError for what AppSync refuses.
    """

    type: Literal["appsync"] = "appsync"
    auth: Literal["iam", "api_key"] = option(
        "iam", "who may ask: signed requests of those who are allowed to, or a key's holder"
    )
    expires: int | None = option(
        None,
        "when the key ends, in seconds since 1970, a year from now at most; default: AppSync's, a week after it was made",
    )
    max_batch_size: int = option(0, "how many requests the function gets at once, at most; 0: one by one")

    def __post_init__(self) -> None:
        if not 0 <= self.max_batch_size <= MAX_BATCH:
            raise ValueError(f"max_batch_size: found {self.max_batch_size}, expected 0 to {MAX_BATCH}")
        if self.expires is not None and self.auth != "api_key":
            raise ValueError('expires: found one without auth = "api_key"; only a key ends')


def check(triggers: Sequence[Any]) -> Iterator[Problem]:
    """Find a second one, whose events could not be told from the first's."""
    for index in [index for index, each in enumerate(triggers) if isinstance(each, Trigger)][1:]:
        message = 'found a second trigger of type "appsync"; a function can have one'
        yield Problem(index, "", message, "remove it, or make it a project of its own")


def wire(trigger: Trigger, site: Site) -> Wiring:
    """Create the API with its schema, and the function as its data source. Raises ValueError when two names become one."""
    api, schema, source, role = (f"{site.trigger}{part}" for part in ("Api", "Schema", "Source", "Role"))
    api_id = {"Fn::GetAtt": [api, "ApiId"]}
    kind = "AWS_IAM" if trigger.auth == "iam" else "API_KEY"
    function = {
        "ApiId": api_id,
        "Name": "Model",
        "Type": "AWS_LAMBDA",
        "LambdaConfig": {"LambdaFunctionArn": site.alias},
        "ServiceRoleArn": {"Fn::GetAtt": [role, "Arn"]},
    }
    definition = graphql.schema(site.models, site.functions)
    resources: dict[str, Any] = {
        api: _resource("GraphQLApi", Name={"Ref": "AWS::StackName"}, AuthenticationType=kind),
        schema: _resource("GraphQLSchema", ApiId=api_id, Definition=definition),
        role: caller_role("appsync.amazonaws.com", site.alias),
        source: _resource("DataSource", **function),
    }
    for number, model in enumerate(site.models, 1):
        resolver = _resolver(trigger, api_id, {"Fn::GetAtt": [source, "Name"]}, graphql.field_name(model.name))
        resources[f"{site.trigger}Resolver{number}"] = {**resolver, "DependsOn": [schema]}
    if trigger.auth == "api_key":
        ends = {} if trigger.expires is None else {"Expires": trigger.expires}
        resources[f"{site.trigger}Key"] = _resource("ApiKey", ApiId=api_id, **ends)
    outputs = {"GraphQLUrl": {"Fn::GetAtt": [api, "GraphQLUrl"]}, "GraphQLApiId": api_id}
    return Wiring(resources=resources, outputs=outputs)


def _resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::AppSync::{kind}", "Properties": properties}


def _resolver(trigger: Trigger, api_id: Any, source: Any, field: str) -> dict[str, Any]:
    properties: dict[str, Any] = {"ApiId": api_id, "TypeName": "Query", "FieldName": field, "DataSourceName": source}
    if trigger.max_batch_size:
        properties |= {
            "MaxBatchSize": trigger.max_batch_size,
            "Runtime": {"Name": "APPSYNC_JS", "RuntimeVersion": "1.0.0"},
            "Code": BATCHING,
        }
    return _resource("Resolver", **properties)


def start(service: Any, source: Source) -> None:
    """Import what answers while the environment initialises."""
    import_module("slsdeploy_runtime.graphql_answer")


def matches(event: Any, source: Source) -> bool:
    """Say whether AppSync asks, for one field or a batch of them."""
    if isinstance(event, list):
        return bool(event) and _is_field(event[0])
    return _is_field(event)


def _is_field(event: Any) -> bool:
    if not isinstance(event, dict) or not isinstance(event.get("info"), dict):
        return False
    return isinstance(event.get("arguments"), dict) and isinstance(event["info"].get("fieldName"), str)


def handle(event: Any, context: Any, service: Any, source: Source) -> object:
    """Return the field's value, or a list of {data, errorMessage, errorType}. Raises what is wrong with a single one."""
    from slsdeploy_runtime import graphql_answer

    if isinstance(event, list):
        return graphql_answer.answer_batch(event, service)
    return graphql_answer.answer(event, service)


def sample(body: Any, placed: Placed) -> Any:
    """Return what AppSync sends for a field of `Query`; the function knows its only model by whatever name."""
    inputs: Mapping[str, Any] = body["inputs"]
    return {
        "arguments": {"inputs": {graphql.field_name(name): value for name, value in inputs.items()}, "input": body},
        "identity": None,
        "source": None,
        "request": {"headers": {}, "domainName": None},
        "prev": None,
        "info": {
            "fieldName": "",
            "parentTypeName": "Query",
            "variables": {},
            "selectionSetList": [],
            "selectionSetGraphQL": "",
        },
        "stash": {},
    }
