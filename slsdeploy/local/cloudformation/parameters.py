"""A template's Parameters and the values given for them -> what `Ref` answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from slsdeploy.local.cloudformation.errors import Refused


def values(declared: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return each parameter's value: as given, or its default. Raises Refused, as AWS words it."""
    if unknown := [name for name in given if name not in declared]:
        raise Refused(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    missing = [name for name, item in declared.items() if name not in given and "Default" not in item]
    if missing:
        raise Refused(f"Parameters: [{', '.join(missing)}] must have values")
    found = {name: str(given.get(name, item.get("Default"))) for name, item in declared.items()}
    for name, item in declared.items():
        _check(name, item, found[name])
    return {name: _typed(declared[name].get("Type", "String"), text) for name, text in found.items()}


def _typed(kind: str, text: str) -> Any:
    if kind == "CommaDelimitedList" or kind.startswith("List<"):
        return [part.strip() for part in text.split(",")]
    return text


def _check(name: str, item: Mapping[str, Any], text: str) -> None:
    described = item.get("ConstraintDescription")
    allowed = item.get("AllowedValues")
    if allowed is not None and text not in [str(value) for value in allowed]:
        raise Refused(described or f"Parameter '{name}' must be one of AllowedValues")
    pattern = item.get("AllowedPattern")
    if pattern and not re.fullmatch(pattern, text):
        raise Refused(
            f"Parameter '{name}' failed to satisfy constraint: {described or f'must match pattern {pattern}'}"
        )
    if item.get("Type") == "Number" and not re.fullmatch(r"-?\d+(\.\d+)?", text):
        raise Refused(f"Parameter '{name}' must be a number")
    if not int(item.get("MinLength", 0)) <= len(text) <= int(item.get("MaxLength", 4096)):
        raise Refused(
            f"Parameter '{name}' must contain between {item.get('MinLength', 0)} and {item.get('MaxLength', 4096)} characters"
        )
