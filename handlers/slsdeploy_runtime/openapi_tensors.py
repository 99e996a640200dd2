"""Tensors -> JSON Schemas, in each of the forms in which they are sent and answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from slsdeploy_runtime import oip, structures
from slsdeploy_runtime.decode import DTYPES
from slsdeploy_runtime.manifest import Tensor, is_structured
from slsdeploy_runtime.model import Model

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_PARAMETERS: Schema = {"type": "object"}
_DESCRIBED: Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["name", "datatype", "shape"],
        "properties": {"name": _TEXT, "datatype": _TEXT, "shape": {"type": "array", "items": {"type": "integer"}}},
    },
}
METADATA: Schema = {
    "type": "object",
    "required": ["name", "versions", "platform", "inputs", "outputs"],
    "properties": {
        "name": _TEXT,
        "versions": {"type": "array", "items": _TEXT},
        "platform": _TEXT,
        "inputs": _DESCRIBED,
        "outputs": _DESCRIBED,
    },
}


def element(datatype: str, *, is_answer: bool = False) -> Schema:
    """Describe one number, boolean or text; in an answer, a number that JSON does not have is null."""
    dtype = DTYPES[datatype]
    if dtype.kind == "b":
        return {"type": "boolean"}
    if dtype.kind == "O":
        return {"type": "string"}
    if dtype.kind in "iu":
        whole = np.iinfo(dtype)
        return {"type": "integer", "minimum": int(whole.min), "maximum": int(whole.max)}
    if is_answer:
        return {"type": ["number", "null"]}
    limits = np.finfo(dtype)
    most = float(limits.max)
    if dtype.itemsize == 8:
        return {"type": "number", "minimum": -most, "maximum": most}
    past = most + 2.0 ** (limits.maxexp - limits.nmant - 2)  # half a step: what lies between is rounded down
    return {"type": "number", "exclusiveMinimum": -past, "exclusiveMaximum": past}


def nested(tensor: Tensor, skip: int = 0, *, is_answer: bool = False) -> Schema:
    """Nest arrays for a tensor's dimensions, without the first `skip`; -1 is any length but none."""
    schema = (
        _structure(tensor.datatype) if is_structured(tensor.datatype) else element(tensor.datatype, is_answer=is_answer)
    )
    for size in reversed(tensor.shape[skip:]):
        schema = {"type": "array", "items": schema}
        if size != -1:
            schema |= {"minItems": size, "maxItems": size}
        elif not is_answer:
            schema |= {"minItems": 1}
    if is_answer and not tensor.shape:  # also what is said of an output whose rank is not known
        return {}
    return schema


def _structure(datatype: str) -> Schema:
    *_, value = structures.elements(datatype)
    if datatype.startswith("MAP"):
        return {"type": "object", "additionalProperties": element(value, is_answer=True)}
    return {}  # a tensor of any shape


def named(tensors: Sequence[Tensor], *, is_answer: bool = False) -> Schema:
    """Describe `{name: nested lists}`."""
    schema: Schema = {
        "type": "object",
        "required": [tensor.name for tensor in tensors],
        "properties": {tensor.name: nested(tensor, is_answer=is_answer) for tensor in tensors},
    }
    return schema if is_answer else {**schema, "additionalProperties": False}


def row(tensors: Sequence[Tensor], *, is_answer: bool = False) -> Schema:
    """Describe one row: an object with every tensor, or for a single one its value."""
    columns = {tensor.name: _column(tensor, is_answer) for tensor in tensors}
    whole: Schema = {"type": "object", "required": list(columns), "properties": columns}
    if is_answer:
        return next(iter(columns.values())) if len(columns) == 1 else whole
    return {**whole, "additionalProperties": False}


def _column(tensor: Tensor, is_answer: bool) -> Schema:
    """Describe what a row has of a tensor; of a table's column (one value a row) a caller may give the value itself."""
    schema = nested(tensor, 1, is_answer=is_answer)
    return {"anyOf": [schema, schema["items"]]} if tensor.shape[1:] == (1,) and not is_answer else schema


def rows(tensors: Sequence[Tensor]) -> Schema:
    """Describe `instances`: all of its rows are of one form."""
    forms = [row(tensors)]
    for tensor in tensors if len(tensors) == 1 else ():
        forms.append(nested(tensor, 1))
        if tensor.shape[1:] == (1,):
            forms.append(element(tensor.datatype))
    return {"anyOf": [{"type": "array", "minItems": 1, "items": form} for form in forms]}


def listed(tensors: Sequence[Tensor]) -> Schema:
    """Describe the Open Inference Protocol's list of inputs: each once, in any order."""
    entries = [_entry(tensor) for tensor in tensors]
    schema: Schema = {"type": "array", "minItems": len(entries), "maxItems": len(entries), "items": {"anyOf": entries}}
    if len(entries) > 1:
        names = [{"contains": {"properties": {"name": {"const": tensor.name}}}} for tensor in tensors]
        schema["allOf"] = names
    return schema


def _entry(tensor: Tensor) -> Schema:
    sizes = [{"const": size} if size != -1 else {"type": "integer", "minimum": 1} for size in tensor.shape]
    shape: Schema = {"type": "array", "minItems": len(sizes), "maxItems": len(sizes)}
    if sizes:
        shape["prefixItems"] = sizes
    return {
        "type": "object",
        "required": ["name", "shape", "datatype"],
        "anyOf": [
            {"required": ["data"]},
            {"properties": {"parameters": {"required": ["binary_data_size"]}}, "required": ["parameters"]},
        ],
        "properties": {
            "name": {"const": tensor.name},
            "shape": shape,
            "datatype": {"const": tensor.datatype},
            "parameters": _PARAMETERS,
            "data": {
                "description": "flat, or nested as its shape",
                "type": "array",
                "minItems": 1,
                "items": {"anyOf": [element(tensor.datatype), {"type": "array"}]},
            },
        },
    }


def requested(model: Model) -> Schema:
    """Describe the outputs that a caller of the protocol may ask for; all of them when it does not."""
    names = [tensor.name for tensor in oip.outputs_of(model)]
    properties = {"name": {"enum": names}, "parameters": _PARAMETERS}
    return {"type": ["array", "null"], "items": {"type": "object", "required": ["name"], "properties": properties}}


def answered(model: Model) -> Schema:
    """Describe the protocol's list of outputs."""
    forms = [
        {
            "type": "object",
            "required": ["name", "shape", "datatype"],
            "properties": {
                "name": {"const": tensor.name},
                "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
                "datatype": {"const": tensor.datatype},
                "parameters": _PARAMETERS,
                "data": {"type": "array", "items": element(tensor.datatype, is_answer=True)},
            },
        }
        for tensor in oip.outputs_of(model)
    ]
    return {"type": "array", "items": {"anyOf": forms}}
