"""The models' signatures -> the OpenAPI 3.1 document of what the function answers over HTTP.

Exact about what JSON Schema can say: names, datatypes with their bounds, fixed and free dimensions. It cannot say that `data` has as many
elements as `shape` tells, that inputs must agree on a number of rows, or what an operator of the model refuses: those are 400s too.
The schemas of tensors are openapi_tensors.py's.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from slsdeploy_runtime import oip_binary
from slsdeploy_runtime import openapi_tensors as tensors
from slsdeploy_runtime.model import Model
from slsdeploy_runtime.openapi_tensors import Schema
from slsdeploy_runtime.user import Handler

_JSON, _BYTES, _HTML = "application/json", "application/octet-stream", "text/html"
_ANY: Schema = {"description": "whatever the project's own code takes or answers"}
_TEXT: Schema = {"type": "string"}

# by status: what it means, for operations with a body and for all
_WRONG = {
    "400": "What is wrong with the request, and where",
    "413": "The body, what it unpacks to, or the answer is larger than Lambda takes",
    "415": "The body is of a type or compression that is not read here",
    "500": "The function failed; its log says why",
    "503": "The model cannot answer now; it may later",
}


def document(name: str, models: Sequence[Model], handler: Handler) -> Schema:
    """Describe every path, with the tensors of every model as schemas."""
    paths: Schema = {
        "/predict": {"post": _predict(models, handler)},
        "/": {"get": _get("What there is; a browser is sent to /docs", {"type": "object"}, "302")},
        "/docs": {
            "get": {**_get("A page to try the model on", {}), "responses": {"200": _content("The page", _TEXT, _HTML)}}
        },
        "/openapi.json": {"get": _get("This document", {"type": "object"})},
        "/v2": {"get": _get("The server and its extensions", _SERVER)},
        "/v2/health/live": {"get": _get("Whether the server is live", _flag("live"))},
        "/v2/health/ready": {"get": _get("Whether the models are ready; loads none", _flag("ready"), "400")},
    }
    for model in models:
        paths[f"/predict/{model.name}"] = {"post": _predict([model], handler)}
        for base in (f"/v2/models/{model.name}", f"/v2/models/{model.name}/versions/{model.version}"):
            paths |= _paths_of(model, base)
    return {
        "openapi": "3.1.0",
        "info": {"title": name, "version": models[0].version, "description": _ABOUT},
        "paths": paths,
        "components": {"schemas": _SCHEMAS, "headers": _HEADERS, "parameters": _PARAMETERS},
    }


_ABOUT = (
    "Bodies may be compressed with gzip or deflate (Content-Encoding), and answers are for who accepts it. "
    "Numbers of 64 bits are exact; JavaScript rounds those beyond 2^53. NaN and infinities are null in JSON and exact in raw tensors."
)
_SERVER: Schema = {
    "type": "object",
    "required": ["name", "version", "extensions"],
    "properties": {"name": _TEXT, "version": _TEXT, "extensions": {"type": "array", "items": _TEXT}},
}
_URL: Schema = {"type": "string", "format": "uri"}
_POINTER: Schema = {
    "type": "object",
    "required": ["s3", "bytes", "url", "expires_in", "content_type"],
    "properties": {
        "s3": {"type": "object", "required": ["bucket", "key"], "properties": {"bucket": _TEXT, "key": _TEXT}},
        "bytes": {"type": "integer"},
        "url": _URL,
        "expires_in": {"type": "integer", "description": "seconds that the URL works, at most"},
        "content_type": _TEXT,
        "content_encoding": _TEXT,
        "error": _TEXT,
    },
}
_SCHEMAS: Schema = {
    "Error": {
        "type": "object",
        "required": ["error"],
        "properties": {key: _TEXT for key in ("error", "field", "found", "expected")},
    },
    "ProtocolError": {"type": "object", "required": ["error"], "properties": {"error": _TEXT}},
}
_HEADERS: Schema = {
    "x-request-id": {"description": "the request's own X-Request-Id, or `id`, or Lambda's", "schema": _TEXT},
    "server-timing": {
        "description": "milliseconds: init (on a cold start), decode, inference, encode, total",
        "schema": _TEXT,
    },
}
_PARAMETERS: Schema = {
    "RequestId": {
        "name": "x-request-id",
        "in": "header",
        "description": "comes back in the answer, and is in every line of the log; Lambda's own does for one of over 128 characters",
        "schema": _TEXT,
    },
    "JsonLength": {
        "name": oip_binary.HEADER,
        "in": "header",
        "description": "how many bytes of the body are JSON, where raw tensors follow it",
        "schema": {"type": "integer", "minimum": 0},
    },
}


def _flag(name: str) -> Schema:
    return {"type": "object", "required": [name], "properties": {name: {"type": "boolean"}}}


def _content(description: str, schema: Schema, *kinds: str) -> Schema:
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS}
    content = {kind: {"schema": _TEXT if kind == _BYTES else schema} for kind in kinds or (_JSON,)}
    return {"description": description, "headers": headers, "content": content}


def _failures(schema: str, *statuses: str) -> Schema:
    error = {"$ref": f"#/components/schemas/{schema}"}
    return {status: _content(_WRONG[status], error) for status in statuses}


def _get(summary: str, answer: Schema, other: str = "") -> Schema:
    """Describe a GET; `other` is the status that it has beside 200."""
    responses = {"200": _content("The answer", answer)}
    if other:
        responses[other] = _content("No" if other == "400" else "See /docs", answer)
    return {"summary": summary, "parameters": [{"$ref": "#/components/parameters/RequestId"}], "responses": responses}


def _elsewhere() -> Schema:
    """Describe what an answer gets that is too large, where there is a bucket for it."""
    if not os.environ.get("SLSDEPLOY_LARGE_ANSWERS"):
        return {}
    found = _content("The answer is more than Lambda takes: GET it at the URL, without further headers", _POINTER)
    return {"303": {**found, "headers": {**found["headers"], "location": {"schema": _URL}}}}


def _post(summary: str, request: Schema, answer: Schema, error: str) -> Schema:
    """Describe a POST; `request` and `answer` are contents by media type."""
    return {
        "summary": summary,
        "parameters": [{"$ref": "#/components/parameters/RequestId"}],
        "requestBody": {"required": True, "content": request},
        "responses": {
            "200": {**_content("The answer", {}), "content": answer},
            **_elsewhere(),
            **_failures(error, *_WRONG),
        },
    }


def _predict(models: Sequence[Model], handler: Handler) -> Schema:
    request: Schema = {_JSON: {"schema": {"anyOf": [form for model in models for form in _forms(model, models)]}}}
    answer: Schema = {"anyOf": [form for model in models for form in _answers(model)]}
    if handler.preprocess is not None:
        request = {_JSON: {"schema": _ANY}, "*/*": {"schema": _ANY}}
    if handler.predict is not None or handler.postprocess is not None:
        answer = _ANY
    operation = _post("Predict", request, {_JSON: {"schema": answer}}, "Error")
    operation["requestBody"]["required"] = handler.preprocess is None
    return operation


def _forms(model: Model, models: Sequence[Model]) -> list[Schema]:
    """Describe the bodies that `POST /predict` takes for a model; the first is meant where none is named."""
    named = {"model": {"const": model.name}} if len(models) > 1 else {}
    wanted = ["model"] if model is not models[0] else []
    either = {"inputs": {"properties": {"instances": False}}, "instances": {"properties": {"inputs": False}}}
    bodies = {"inputs": {"anyOf": [tensors.named(model.inputs), tensors.listed(model.inputs)]}}
    if model.batch != 0:
        bodies["instances"] = tensors.rows(model.inputs)
    return [
        {
            "type": "object",
            "required": [*wanted, key],
            "properties": {**named, key: body, **either[key]["properties"]},
        }
        for key, body in bodies.items()
    ]


def _answers(model: Model) -> list[Schema]:
    outputs = {
        "type": "object",
        "required": ["outputs"],
        "properties": {"outputs": tensors.named(model.outputs, is_answer=True)},
    }
    if model.batch == 0:
        return [outputs, _inferred(model)]
    row = tensors.row(model.outputs, is_answer=True)
    predictions = {"type": "array", "minItems": 1, "items": row}
    return [
        outputs,
        {"type": "object", "required": ["predictions"], "properties": {"predictions": predictions}},
        _inferred(model),
    ]


def _inferred(model: Model) -> Schema:
    """Describe an answer of the Open Inference Protocol."""
    return {
        "type": "object",
        "required": ["model_name", "model_version", "outputs"],
        "properties": {
            "model_name": {"const": model.name},
            "model_version": {"const": model.version},
            "id": _TEXT,
            "outputs": tensors.answered(model),
        },
    }


def _paths_of(model: Model, base: str) -> Schema:
    asked = {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": _TEXT,
            "parameters": {"type": "object"},
            "inputs": tensors.listed(model.inputs),
            "outputs": tensors.requested(model),
        },
    }
    bodies = {_JSON: {"schema": asked}, _BYTES: {"schema": {"description": "JSON as above, and raw tensors behind it"}}}
    answers = {
        _JSON: {"schema": _inferred(model)},
        _BYTES: {"schema": {"description": "the same, and raw tensors behind it"}},
    }
    infer = _post(f"Infer with {model.name}", bodies, answers, "ProtocolError")
    infer["parameters"].append({"$ref": "#/components/parameters/JsonLength"})
    ready = {
        "type": "object",
        "required": ["name", "ready"],
        "properties": {"name": _TEXT, "ready": {"type": "boolean"}},
    }
    return {
        base: {"get": _get(f"The signature of {model.name}", tensors.METADATA)},
        f"{base}/ready": {"get": _get(f"Whether {model.name} is ready; does not load it", ready, "400")},
        f"{base}/infer": {"post": infer},
    }
