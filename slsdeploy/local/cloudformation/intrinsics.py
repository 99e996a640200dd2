"""Intrinsic functions (Ref, Fn::GetAtt, Fn::Sub, ...) -> values; and which other resources a value refers to.

A value that is known only once a resource has been made is an `Unknown`, and so is everything built from it: a change set
compares such values without guessing. Nothing here acts.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from slsdeploy.local.cloudformation.errors import Refused

PSEUDO: tuple[str, ...] = (
    *("AWS::AccountId", "AWS::NoValue", "AWS::NotificationARNs", "AWS::Partition"),
    *("AWS::Region", "AWS::StackId", "AWS::StackName", "AWS::URLSuffix"),
)
_PLACEHOLDER = re.compile(r"\$\{([^!}][^}]*)\}")
_NO_VALUE = object()


@dataclass(frozen=True, slots=True)
class Unknown:
    """What a resource that does not exist yet will say: its `Ref` (attribute "") or an attribute."""

    logical_id: str
    attribute: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What names mean: `values` for parameters and pseudo parameters, `resource(logical_id, attribute)` for resources."""

    values: Mapping[str, Any]
    resource: Callable[[str, str], Any]
    mappings: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, Any] = field(default_factory=dict)


def resolve(value: Any, scope: Scope) -> Any:
    """Return the value with every intrinsic function replaced; keys and items that are `AWS::NoValue` are left out."""
    result = _resolve(value, scope)
    return None if result is _NO_VALUE else result


def resolve_condition(name: str, scope: Scope) -> bool:
    """Return whether the template's condition of this name holds."""
    if name not in scope.conditions:
        raise Refused(f"Template error: unresolved condition dependency {name} in the template")
    return bool(_resolve(scope.conditions[name], scope))


def references(value: Any) -> Iterator[tuple[str, str]]:
    """Yield (name, attribute) of everything that the value refers to; the attribute is "" for `Ref`."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, Mapping):
        if len(value) == 1:
            yield from _own_references(*next(iter(value.items())))
        for item in value.values():
            yield from references(item)


def _own_references(function: str, argument: Any) -> Iterator[tuple[str, str]]:
    if function == "Ref" and isinstance(argument, str):
        yield argument, ""
    elif function == "Fn::GetAtt":
        logical_id, attribute = attribute_of(argument)
        yield logical_id, attribute if isinstance(attribute, str) else "?"
    elif function == "Fn::Sub":
        text, local = (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])
        for name in _PLACEHOLDER.findall(text):
            if name not in local:
                logical_id, _, attribute = name.strip().partition(".")
                yield logical_id, attribute


def attribute_of(argument: Any) -> tuple[str, Any]:
    """Return (logical id, attribute) of a `Fn::GetAtt`, written as a list or as "Id.Attribute"."""
    if isinstance(argument, str):
        logical_id, _, attribute = argument.partition(".")
        return logical_id, attribute
    if isinstance(argument, list) and len(argument) == 2:
        return str(argument[0]), argument[1]
    raise Refused(
        "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute"
    )


def _resolve(value: Any, scope: Scope) -> Any:
    if isinstance(value, list):
        items = [_resolve(item, scope) for item in value]
        return [item for item in items if item is not _NO_VALUE]
    if not isinstance(value, Mapping):
        return value
    if len(value) == 1:
        function, argument = next(iter(value.items()))
        if function in _FUNCTIONS:
            return _FUNCTIONS[function](argument, scope)
        if function.startswith("Fn::"):
            raise Refused(f"Template error: the local AWS does not know the function {function}")
    pairs = {key: _resolve(item, scope) for key, item in value.items()}
    return {key: item for key, item in pairs.items() if item is not _NO_VALUE}


def _ref(name: Any, scope: Scope) -> Any:
    if name == "AWS::NoValue":
        return _NO_VALUE
    return scope.values[name] if name in scope.values else scope.resource(name, "")


def _get_att(argument: Any, scope: Scope) -> Any:
    logical_id, attribute = attribute_of(argument)
    return scope.resource(logical_id, _resolve(attribute, scope))


def _sub(argument: Any, scope: Scope) -> Any:
    text, extra = (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])
    local = {name: _resolve(value, scope) for name, value in extra.items()}

    def lookup(name: str) -> Any:
        if name in local:
            return local[name]
        logical_id, _, attribute = name.partition(".")
        return scope.resource(logical_id, attribute) if attribute else _ref(name, scope)

    found = {name: lookup(name.strip()) for name in _PLACEHOLDER.findall(text)}
    if unknown := _unknown(*found.values()):
        return unknown
    return _PLACEHOLDER.sub(lambda match: _text(found[match[1]]), text).replace("${!", "${")


def _join(argument: Any, scope: Scope) -> Any:
    separator, items = argument[0], _resolve(argument[1], scope)
    if unknown := _unknown(items, *(items if isinstance(items, list) else ())):
        return unknown
    return separator.join(_text(item) for item in items)


def _select(argument: Any, scope: Scope) -> Any:
    index, items = _resolve(argument[0], scope), _resolve(argument[1], scope)
    if unknown := _unknown(index, items):
        return unknown
    if not 0 <= int(index) < len(items):
        raise Refused(f"Template error: Fn::Select cannot select nonexistent value at index {index}")
    return items[int(index)]


def _split(argument: Any, scope: Scope) -> Any:
    text = _resolve(argument[1], scope)
    return _unknown(text) or str(text).split(argument[0])


def _if(argument: Any, scope: Scope) -> Any:
    return _resolve(argument[1 if resolve_condition(argument[0], scope) else 2], scope)


def _find_in_map(argument: Any, scope: Scope) -> Any:
    name, first, second = (_resolve(part, scope) for part in argument[:3])
    try:
        return scope.mappings[name][str(first)][second]
    except KeyError:
        raise Refused(f"Template error: Unable to get mapping for {name}::{first}::{second}") from None


def _base64(argument: Any, scope: Scope) -> Any:
    text = _resolve(argument, scope)
    return _unknown(text) or base64.b64encode(str(text).encode()).decode()


def _to_json(argument: Any, scope: Scope) -> Any:
    value = _resolve(argument, scope)
    return _unknown(*_leaves(value)) or json.dumps(value, separators=(",", ":"))


def _zones(argument: Any, scope: Scope) -> Any:
    region = _resolve(argument, scope) or scope.values["AWS::Region"]
    return [f"{region}{letter}" for letter in "abc"]


def _equals(argument: Any, scope: Scope) -> bool:
    first, second = (_resolve(part, scope) for part in argument)
    return _text(first) == _text(second)


def _all(argument: Any, scope: Scope) -> bool:
    return all(_resolve(part, scope) for part in argument)


def _any(argument: Any, scope: Scope) -> bool:
    return any(_resolve(part, scope) for part in argument)


def _not(argument: Any, scope: Scope) -> bool:
    return not _resolve(argument[0], scope)


def _condition(argument: Any, scope: Scope) -> Any:
    # {"Condition": name} refers to a condition; {"Condition": {...}} is a policy statement's own key.
    return resolve_condition(argument, scope) if isinstance(argument, str) else {"Condition": _resolve(argument, scope)}


def _unknown(*values: Any) -> Unknown | None:
    return next((value for value in values if isinstance(value, Unknown)), None)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _text(value: Any) -> str:
    """Write a value as CloudFormation does: true and false in lower case, lists with commas."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(_text, value)) if isinstance(value, list) else str(value)


_FUNCTIONS: Mapping[str, Callable[[Any, Scope], Any]] = {
    "Ref": _ref,
    "Condition": _condition,
    "Fn::GetAtt": _get_att,
    "Fn::Sub": _sub,
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::If": _if,
    "Fn::FindInMap": _find_in_map,
    "Fn::Base64": _base64,
    "Fn::ToJsonString": _to_json,
    "Fn::GetAZs": _zones,
    "Fn::Equals": _equals,
    "Fn::And": _all,
    "Fn::Or": _any,
    "Fn::Not": _not,
}
