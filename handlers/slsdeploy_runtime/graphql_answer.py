"""What AppSync asks -> requests of the models, and their outputs under the schema's names.

https://docs.aws.amazon.com/appsync/latest/devguide/resolver-context-reference-js.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from slsdeploy_runtime import graphql
from slsdeploy_runtime.decode import describe, one_of
from slsdeploy_runtime.json_text import from_json
from slsdeploy_runtime.model import Model
from slsdeploy_runtime.request import BadInput, Request, mismatch
from slsdeploy_runtime.service import Answer, AnswerTooLarge, Failure, Outcome, Service

Field = Mapping[str, Any]

# What a resolver may evaluate to: https://docs.aws.amazon.com/general/latest/gr/appsync.html (5 MB)
ANSWER_BYTES = 5_000_000


def answer(event: Field, service: Service) -> Any:
    """Return the value of one field. Raises BadInput, or whatever the user's functions raise."""
    (outcome,) = _within(_answer_all([event], service), service)
    if isinstance(outcome, Failure):
        raise outcome.error
    return outcome.value


def answer_batch(events: Sequence[Any], service: Service) -> list[dict[str, Any]]:
    """Return for each field its value, or what went wrong, in their order."""
    return [
        {"data": None, "errorMessage": _message(outcome.error), "errorType": type(outcome.error).__name__}
        if isinstance(outcome, Failure)
        else {"data": outcome.value, "errorMessage": None, "errorType": None}
        for outcome in _within(_answer_all(events, service), service)
    ]


def _answer_all(events: Sequence[Any], service: Service) -> list[Outcome]:
    asked = [_attempt(event, service) for event in events]
    outcomes = iter(service.answer_all([each[1] for each in asked if not isinstance(each, Failure)]))
    found: list[Outcome] = []
    for each in asked:
        outcome: Outcome = each if isinstance(each, Failure) else next(outcomes)
        if isinstance(outcome, Failure):
            service.telemetry.failure(outcome.error, "GraphQL")
        elif not isinstance(each, Failure):
            outcome = outcome._replace(value=_value(outcome.value, each[0], service))
        found.append(outcome)
    return found


def _within(outcomes: list[Outcome], service: Service) -> list[Outcome]:
    """Return answers of which AppSync takes all together: what is too large is put into the bucket.

    Only AWSJSON can be a pointer; a field with a type of the schema's fails, and its error says where its value is.
    """
    answers = [each for each in outcomes if not isinstance(each, Failure)]
    if all(each.fits(ANSWER_BYTES // len(answers)) for each in answers):
        return outcomes
    from slsdeploy_runtime import large

    made = iter(large.of_batch(service, [each.value for each in answers], ANSWER_BYTES, "appsync"))
    return [each if isinstance(each, Failure) else _pointed(each, next(made), service) for each in outcomes]


def _pointed(outcome: Answer, made: Any, service: Service) -> Outcome:
    if made is outcome.value:
        return outcome
    if not isinstance(made, Exception):
        if isinstance(outcome.value, str):
            return Answer(json.dumps(made))
        where = f"GET it from {made['url']}, or as s3://{made['s3']['bucket']}/{made['s3']['key']}"
        made = AnswerTooLarge(f"the answer has {made['bytes']} bytes, more than AppSync takes: {where}")
    service.telemetry.failure(made, "GraphQL")
    return Failure(made)


def _message(error: Exception) -> str:
    """Tell the caller of its own mistake; ours is for the log."""
    if isinstance(error, AnswerTooLarge):
        return str(error)
    return error.message if isinstance(error, BadInput) else "the function failed; its log says why"


def _attempt(event: Any, service: Service) -> tuple[Model, Request] | Failure:
    try:
        return _request(event, service)
    except BadInput as error:
        return Failure(error)


def _request(event: Any, service: Service) -> tuple[Model, Request]:
    try:
        field, arguments = event["info"]["fieldName"], event["arguments"]
        headers = (event.get("request") or {}).get("headers") or {}
        arguments.keys()
    except (TypeError, KeyError, AttributeError):
        raise mismatch("the event", describe(event), "a field that AppSync resolves") from None
    model = _model(field, service)
    if service.handler.preprocess is not None:
        data = arguments.get("input")
        data = from_json(data, "input") if isinstance(data, str) else data
    else:
        data = {"inputs": _inputs(arguments.get("inputs"), model)}
    meta = {
        "field": field,
        "parent_type": event["info"].get("parentTypeName", ""),
        "identity": event.get("identity"),
        "source": event.get("source"),
        "headers": headers,
    }
    return model, Request(data, source="appsync", meta=meta, model=model.name)


def _model(field: Any, service: Service) -> Model:
    by_field = {graphql.field_name(name): model for name, model in service.models.items()}
    if isinstance(field, str) and field in by_field:
        return by_field[field]
    if len(by_field) == 1:  # a field of another name in a schema of the user's own
        return next(iter(by_field.values()))
    raise mismatch("info.fieldName", describe(field), one_of([*by_field]))


def _inputs(given: Any, model: Model) -> Any:
    """Give inputs the model's own names; what is no object of theirs is for the model's reading to refuse."""
    if not isinstance(given, dict):
        return given
    names = {graphql.field_name(tensor.name): tensor.name for tensor in model.inputs}
    return {names.get(name, name): value for name, value in given.items()}


def _value(value: Any, model: Model, service: Service) -> Any:
    """Give outputs the schema's names; a postprocess's answer is AWSJSON, which is a text."""
    if service.handler.postprocess is not None or not isinstance(value, dict) or "outputs" not in value:
        return json.dumps(value)
    texts = {tensor.name for tensor in model.outputs if graphql.is_json(tensor.datatype, tensor.shape)}
    return {
        graphql.field_name(name): json.dumps(each) if name in texts else each for name, each in value["outputs"].items()
    }
