"""The models' signatures -> the OpenAPI 3.1 document of what the function answers over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slsdeploy_runtime.manifest import Tensor
from slsdeploy_runtime.model import Model

Schema = dict[str, Any]


def document(name: str, models: Sequence[Model]) -> Schema:
    """Describe every path, with the tensors of every model as schemas."""
    first = models[0]
    paths: Schema = {"/predict": {"post": _operation("Predict", _ask(first), _answer(first))}}
    for model in models:
        base = f"/v2/models/{model.name}"
        paths[base] = {"get": _operation(f"Metadata of {model.name}", None, {"type": "object"})}
        paths[f"{base}/ready"] = {"get": _operation(f"Whether {model.name} is ready", None, {"type": "object"})}
        request = _tensors(model.inputs, "inputs")
        paths[f"{base}/infer"] = {
            "post": _operation(f"Infer with {model.name}", request, _tensors(model.outputs, "outputs"))
        }
    for path in ("/v2", "/v2/health/live", "/v2/health/ready"):
        paths[path] = {"get": _operation("The server, and whether it is live and ready", None, {"type": "object"})}
    version = {"title": name, "version": first.version}
    return {"openapi": "3.1.0", "info": version, "paths": paths, "components": {"schemas": {"Error": _ERROR}}}


_ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {key: {"type": "string"} for key in ("error", "field", "found", "expected")},
}


def _operation(summary: str, request: Schema | None, answer: Schema) -> Schema:
    operation: Schema = {"summary": summary, "responses": {"200": _content("The answer", answer)}}
    if request is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": request}}}
        error = {"$ref": "#/components/schemas/Error"}
        operation["responses"]["400"] = _content("What is wrong with the request, and where", error)
    return operation


def _content(description: str, schema: Schema) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _ask(model: Model) -> Schema:
    columns = {tensor.name: _column(tensor) for tensor in model.inputs}
    row: Schema = {"type": "object", "required": list(columns), "properties": columns}
    if len(columns) == 1:
        row = {"oneOf": [row, *columns.values()]}
    return {
        "oneOf": [
            {"type": "object", "required": ["inputs"], "properties": {"inputs": _object(model.inputs)}},
            {"type": "object", "required": ["instances"], "properties": {"instances": {"type": "array", "items": row}}},
        ]
    }


def _answer(model: Model) -> Schema:
    row = _nested(model.outputs[0], skip=1) if len(model.outputs) == 1 else _object(model.outputs, skip=1)
    return {
        "oneOf": [
            {"type": "object", "properties": {"outputs": _object(model.outputs)}},
            {"type": "object", "properties": {"predictions": {"type": "array", "items": row}}},
        ]
    }


def _column(tensor: Tensor) -> Schema:
    """Describe what one row gives for an input; for one of length 1 that may be the value itself."""
    nested = _nested(tensor, skip=1)
    return {"oneOf": [nested["items"], nested]} if tensor.shape[1:] == (1,) else nested


def _object(tensors: Sequence[Tensor], skip: int = 0) -> Schema:
    return {
        "type": "object",
        "required": [tensor.name for tensor in tensors],
        "properties": {tensor.name: _nested(tensor, skip) for tensor in tensors},
    }


def _nested(tensor: Tensor, skip: int = 0) -> Schema:
    """Nest arrays for a tensor's dimensions, without the first `skip`; -1 is any length."""
    schema: Schema = {"type": _json_type(tensor.datatype)}
    for size in reversed(tensor.shape[skip:]):
        schema = {"type": "array", "items": schema}
        if size != -1:
            schema |= {"minItems": size, "maxItems": size}
    return schema


def _json_type(datatype: str) -> str:
    if datatype.startswith(("INT", "UINT")):
        return "integer"
    return {"BOOL": "boolean", "BYTES": "string"}.get(datatype, "number")


def _tensors(tensors: Sequence[Tensor], key: str) -> Schema:
    """Describe the Open Inference Protocol's list of tensors."""
    entry = {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"enum": [tensor.name for tensor in tensors]},
            "shape": {"type": "array", "items": {"type": "integer"}},
            "datatype": {"enum": sorted({tensor.datatype for tensor in tensors})},
            "data": {"type": "array"},
        },
    }
    return {"type": "object", "required": [key], "properties": {key: {"type": "array", "items": entry}}}
