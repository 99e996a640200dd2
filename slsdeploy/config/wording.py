"""What is wrong with a value -> words: what was found, what is expected, and what was probably meant.

What is expected is read from the JSON Schema that editors use, so that both say the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slsdeploy.config import sections
from slsdeploy.config.lines import Path
from slsdeploy.config.spelling import did_you_mean

Schema = Mapping[str, Any]

_PATTERNS = {
    sections.NAME: "lower-case letters, digits and single hyphens, beginning with a letter",
    sections.SERVED_NAME: "letters, digits, dots, hyphens and underscores",
    sections.REGION: 'a region, as in "eu-central-1"',
    sections.ACTION: 'an action, as in "dynamodb:GetItem"',
    sections.RESOURCE: 'an ARN, or "*"',
}


@dataclass(frozen=True, slots=True)
class Complaint:
    """A problem before its line is known: where in the merged values, and what to say."""

    path: Path
    message: str
    hint: str = ""


def complaints(errors: Iterable[Mapping[str, Any]], values: Any, schema: Schema) -> list[Complaint]:
    """Turn pydantic's errors over `values` into complaints, one for each place."""
    found: dict[Path, Complaint] = {}
    for error in errors:
        complaint = _complaint(error, values, schema)
        found.setdefault(complaint.path, complaint)
    # A union complains once for each of its members: the one that got furthest is the one that was meant.
    return [
        complaint
        for path, complaint in found.items()
        if not any(len(other) > len(path) and other[: len(path)] == path for other in found)
    ]


def unknown(key: str, known: Iterable[str], *, of: str = "", path: Path = ()) -> Complaint:
    """Complain of a key that does not exist, with the one that was probably meant."""
    known = list(known)
    message = f'{of} has no option "{key}"' if of else f'unknown key "{key}"'
    return Complaint((*path, key), message, did_you_mean(key, known) or f"there is {', '.join(known)}")


def dotted(path: Path) -> str:
    """Write a path as users name it: trigger[1].batch_size."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def shown(value: Any) -> str:
    """Write a value as it stands in TOML, shortened, with its type where that is not plain to see."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "an array"
    if isinstance(value, bool | int | float | str):
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= 60 else f"{text[:56]}..."
    return f"the {type(value).__name__} {value}"


def expectation(schema: Schema) -> str:
    """Say in words what a JSON Schema accepts."""
    if "anyOf" in schema:
        options = [expectation(option) for option in schema["anyOf"] if option.get("type") != "null"]
        return " or ".join(options)
    if "$ref" in schema:  # a section
        return "a table"
    if "enum" in schema or "const" in schema:
        options = [shown(option) for option in schema.get("enum", [schema.get("const")])]
        return options[0] if len(options) == 1 else f"one of {', '.join(options)}"
    describe = {"integer": _integer, "string": _string, "array": _array, "object": _table}.get(schema.get("type", ""))
    return (
        describe(schema)
        if describe
        else str({"boolean": "true or false", "number": "a number"}.get(schema.get("type", ""), "something else"))
    )


def _integer(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"a whole number from {low:,} to {high:,}"
    if low is not None:
        return f"a whole number, at least {low:,}"
    return "a whole number"


def _string(schema: Schema) -> str:
    plain = "a path" if schema.get("format") == "path" else "a string"
    words = _PATTERNS.get(schema.get("pattern", ""), plain)
    return f"{words}, at most {schema['maxLength']} characters" if "maxLength" in schema else words


def _array(schema: Schema) -> str:
    return "an array of strings" if schema.get("items", {}).get("type") == "string" else "an array"


def _table(schema: Schema) -> str:
    inner = schema.get("additionalProperties")
    return "a table of strings" if isinstance(inner, Mapping) and inner.get("type") == "string" else "a table"


def _complaint(error: Mapping[str, Any], values: Any, schema: Schema) -> Complaint:
    path, found = _locate(error["loc"], values)
    kind = error["type"]
    if kind == "extra_forbidden":
        return unknown(str(path[-1]), _keys(_part(schema, path[:-1], schema), schema), path=path[:-1])
    if kind == "missing":
        missing = (*path, error["loc"][-1])
        return Complaint(missing, f"is missing; expected {expectation(_part(schema, missing, schema))}")
    is_name = "[key]" in error["loc"]
    what = f"the name {shown(path[-1])}" if is_name else shown(found)
    if kind == "value_error":
        reason = str(error["ctx"]["error"])
        option, _, rest = reason.partition(": ")
        if option in _part(schema, path, schema).get("properties", {}):  # a trigger that says which option it is about
            return Complaint((*path, option), rest)
        return Complaint(path, f"found {what}; {reason}" if reason.startswith("expected") else reason)
    if is_name:
        return Complaint(path, f"found {what}; expected {_names(_part(schema, path[:-1], schema))}")
    part = _part(schema, path, schema)
    return Complaint(path, f"found {shown(found)}; expected {expectation(part)}", _hint(found, part))


def _keys(schema: Schema, root: Schema) -> list[str]:
    """Return the keys of a table, which may be one of several things that a value can be."""
    options = [_part(option, (), root) for option in schema.get("anyOf", [schema])]
    return [key for option in options for key in option.get("properties", {})]


def _names(schema: Schema) -> str:
    """Say what the keys of a table may be."""
    pattern = next(iter(schema.get("patternProperties", {"": None})))
    return expectation({"type": "string", "pattern": pattern, **schema.get("propertyNames", {})})


def _locate(location: Sequence[str | int], values: Any) -> tuple[Path, Any]:
    """Follow pydantic's location as far as it is one: it also names members of unions and "[key]"."""
    path: Path = ()
    for step in location:
        is_there = isinstance(values, Mapping) and step in values
        if is_there or (isinstance(values, list) and isinstance(step, int) and step < len(values)):
            path, values = (*path, step), values[step]
    return path, values


def _part(schema: Schema, path: Path, root: Schema) -> Schema:
    """Find the schema of the value at `path`; an empty one when it is nowhere described."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[-1]]
    if not path:
        return schema
    if "anyOf" in schema:
        return next((found for option in schema["anyOf"] if (found := _part(option, path, root))), {})
    step, rest = path[0], path[1:]
    inner = schema.get("items") if isinstance(step, int) else schema.get("properties", {}).get(step)
    inner = inner or schema.get("additionalProperties") or next(iter(schema.get("patternProperties", {}).values()), {})
    return _part(inner, rest, root) if isinstance(inner, Mapping) else {}


def _hint(found: Any, schema: Schema) -> str:
    """Say what was probably meant: a word misspelt, quotes forgotten or too many."""
    options = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
    words = [str(word) for option in options for word in option.get("enum", [option.get("const", "")])]
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    if (
        isinstance(found, str)
        and any(option.get("type") == "integer" for option in options)
        and found.strip().isdigit()
    ):
        return f"write it without quotes: {found.strip()}"
    if is_number and any(option.get("type") == "string" for option in options):
        return f'write it in quotes: "{found}"'
    if isinstance(found, str):
        return did_you_mean(found, [word for word in words if word])
    return ""
