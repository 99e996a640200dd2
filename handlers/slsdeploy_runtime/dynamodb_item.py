"""An item as DynamoDB writes it ({"x": {"N": "1.5"}}) -> the plain JSON that it means.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html#Programming.LowLevelAPI.DataTypeDescriptors
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from slsdeploy_runtime.request import BadInput


def plain(item: Any, field: str) -> dict[str, Any]:
    """Return an item's attributes: numbers as numbers, sets as lists, binary values as their base64. Raises BadInput."""
    if not isinstance(item, Mapping):
        raise BadInput(f"{field}: found {type(item).__name__}, expected an item's attributes", field=field)
    return {name: _value(value, f"{field}.{name}") for name, value in item.items()}


def _value(value: Any, field: str) -> Any:
    """Return what an attribute value, an object with its type as the only key, holds."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((kind, held),) = value.items()
        if kind == "M":
            return plain(held, field)
        if kind == "L" and isinstance(held, list):
            return [_value(each, f"{field}[{index}]") for index, each in enumerate(held)]
        read = _KINDS.get(kind)
        if read is not None:
            try:
                return read(held)
            except (TypeError, ValueError, RecursionError):
                pass
    found = json.dumps(value)
    shown = found if len(found) <= 60 else f"{found[:57]}..."
    raise BadInput(f'{field}: found {shown}, expected a value as DynamoDB writes it, as in {{"N": "1.5"}}', field=field)


def _number(held: Any) -> int | float:
    if not isinstance(held, str):
        raise TypeError(held)
    try:
        return int(held)
    except ValueError:
        number = float(held)
        if number - number != 0:  # an infinity: DynamoDB has numbers up to 1e126, and no NaN
            raise
        return number


def _text(held: Any) -> str:
    if not isinstance(held, str):
        raise TypeError(held)
    return held


def _boolean(held: Any) -> bool:
    if not isinstance(held, bool):
        raise TypeError(held)
    return held


def _set(of: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    def read(held: Any) -> list[Any]:
        if not isinstance(held, list):
            raise TypeError(held)
        return [of(each) for each in held]

    return read


_KINDS: Mapping[str, Callable[[Any], Any]] = {
    "S": _text,
    "N": _number,
    "B": _text,
    "BOOL": _boolean,
    "NULL": lambda held: None,
    "SS": _set(_text),
    "NS": _set(_number),
    "BS": _set(_text),
}


def typed(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return plain JSON as DynamoDB writes an item."""
    return {name: _typed(value) for name, value in item.items()}


def _typed(value: Any) -> dict[str, Any]:
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": str(value)}
        case str():
            return {"S": value}
        case Mapping():
            return {"M": typed(value)}
        case _:
            return {"L": [_typed(each) for each in value]}
