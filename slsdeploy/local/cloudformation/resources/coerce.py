"""Values as templates may write them ("128", "true", 2012) -> values of the types that a service's API takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def coerce(value: Any, shape: Any) -> Any:
    """Return the value with numbers, booleans and texts as the botocore shape has them; what does not fit stays, and is refused there."""
    if shape.type_name == "structure" and isinstance(value, Mapping):
        return {
            name: coerce(item, shape.members[name]) if name in shape.members else item for name, item in value.items()
        }
    if shape.type_name == "map" and isinstance(value, Mapping):
        return {str(name): coerce(item, shape.value) for name, item in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [coerce(item, shape.member) for item in value]
    return _scalar(value, shape.type_name)


def _scalar(value: Any, kind: str) -> Any:
    if kind in ("integer", "long") and isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    if kind == "boolean" and value in ("true", "false", "True", "False"):
        return value in ("true", "True")
    if kind == "string" and isinstance(value, bool):
        return "true" if value else "false"
    if kind == "string" and isinstance(value, int | float):
        return str(value)
    return value
