"""A model's signature -> a GraphQL schema, and the names on both sides of it. Standard library only: the build and the runtime use it.

Every model is a field of `Query`, which takes its inputs and gives its outputs as nested lists:

    type Query { iris(inputs: IrisInputs!): IrisOutputs }

With a `preprocess` it takes any JSON (`input: AWSJSON!`), with a `postprocess` it gives any. GraphQL's Int has 32 bits: wider integers are
`Float`, exact up to 2^53. What JSON cannot say of a float (NaN) is null, so the numbers of an output may be.
https://docs.aws.amazon.com/appsync/latest/devguide/scalars.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence

from slsdeploy_runtime.events import Signature

Tensors = Sequence[tuple[str, str, tuple[int, ...]]]

_SCALARS = {
    "BOOL": "Boolean",
    "BYTES": "String",
    **dict.fromkeys(("INT8", "INT16", "INT32", "UINT8", "UINT16"), "Int"),
    **dict.fromkeys(("UINT32", "INT64", "UINT64", "FP16", "FP32", "FP64"), "Float"),
}


def field_name(text: str) -> str:
    """Return the GraphQL name for a model or a tensor: https://spec.graphql.org/October2021/#Name."""
    name = re.sub(r"^__+", "_", re.sub(r"[^_0-9A-Za-z]", "_", text))  # two underscores in front are GraphQL's own
    return name if re.match("[_A-Za-z]", name) else f"_{name}"


def schema(models: Sequence[Signature], functions: Collection[str]) -> str:
    """Return the schema; `functions` are those of the user's module. Raises ValueError when two names become one."""
    _distinct((model.name for model in models), field_name)
    _distinct((model.name for model in models), _type_name)
    takes_any, gives_any = "preprocess" in functions, "postprocess" in functions
    fields, types = [], []
    for model in models:
        stem = _type_name(model.name)
        takes = "input: AWSJSON!" if takes_any else f"inputs: {stem}Inputs!"
        fields.append(f"  {field_name(model.name)}({takes}): {'AWSJSON' if gives_any else f'{stem}Outputs'}")
        if not takes_any:
            types.append(_type(f"input {stem}Inputs", model.inputs, is_output=False))
        if not gives_any:
            types.append(_type(f"type {stem}Outputs", model.outputs, is_output=True))
    return "\n\n".join(["schema {\n  query: Query\n}", "type Query {\n" + "\n".join(fields) + "\n}", *types]) + "\n"


def _type_name(model: str) -> str:
    words = re.findall("[0-9A-Za-z]+", model)
    return field_name("".join(word[0].upper() + word[1:] for word in words) or model)


def _type(head: str, tensors: Tensors, *, is_output: bool) -> str:
    _distinct((name for name, *_ in tensors), field_name)
    lines = [f"  {field_name(name)}: {_nested(datatype, shape, is_output)}" for name, datatype, shape in tensors]
    return head + " {\n" + "\n".join(lines) + "\n}"


def _nested(datatype: str, shape: Sequence[int], is_output: bool) -> str:
    if datatype not in _SCALARS or (is_output and not shape):  # an output without a shape may have any
        return "AWSJSON"
    scalar = _SCALARS[datatype]
    item = scalar if is_output and datatype.startswith("FP") else f"{scalar}!"
    for _ in shape:
        item = f"[{item}]!"
    return item


def is_json(datatype: str, shape: Sequence[int]) -> bool:
    """Say whether an output is AWSJSON in the schema: a text with JSON in it."""
    return _nested(datatype, shape, is_output=True) == "AWSJSON"


def _distinct(names: Iterable[str], as_graphql: Callable[[str], str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        former = seen.setdefault(as_graphql(name), name)
        if former != name:
            raise ValueError(f"{former!r} and {name!r} are both {as_graphql(name)} in GraphQL: rename one of them")
