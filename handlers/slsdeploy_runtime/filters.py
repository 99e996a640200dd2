"""Filter patterns of polled triggers: what Lambda would refuse is refused before it is asked, and what lets them into a mapping. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

MOST = 5  # more after asking AWS for it: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LONGEST = 4096  # characters of a pattern
_COMPARISONS = ("prefix", "suffix", "anything-but", "numeric", "exists", "equals-ignore-case")
_NUMERIC = ("=", "<", "<=", ">", ">=")
WORDS = "which records come through: patterns as JSON, any of which must fit (Lambda's filter criteria)"


def check(patterns: Sequence[str]) -> None:
    """Raise ValueError for the first pattern that Lambda would refuse."""
    if len(patterns) > MOST:
        raise ValueError(f"filters: found {len(patterns)}, expected at most {MOST}")
    for index, pattern in enumerate(patterns):
        place = f"filters: the pattern at {index}"
        if len(pattern) > LONGEST:
            raise ValueError(f"{place} has {len(pattern)} characters, expected at most {LONGEST}")
        _object(parsed(pattern, place), place)


def parsed(pattern: str, place: str = "filters") -> Any:
    """Return a pattern as JSON. Raises ValueError."""
    try:
        return json.loads(pattern)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{place} is not JSON: {error}") from None


def criteria(patterns: Sequence[str]) -> dict[str, Any]:
    """Return what SAM takes for them; nothing when every record is wanted."""
    return {"FilterCriteria": {"Filters": [{"Pattern": each} for each in patterns]}} if patterns else {}


def _object(value: Any, place: str) -> None:
    if not isinstance(value, Mapping) or not value:
        raise ValueError(
            f'{place} has {_shown(value)}, expected an object of fields, as in {{"body": {{"kind": ["iris"]}}}}'
        )
    for key, inner in value.items():
        where = f"{place}, field {key!r},"
        if key == "$or":
            _alternatives(inner, where)
        elif isinstance(inner, list):
            _rules(inner, where)
        else:
            _object(inner, where)


def _alternatives(value: Any, place: str) -> None:
    if not isinstance(value, list) or len(value) < 2:
        raise ValueError(f"{place} has {_shown(value)}, expected an array of two objects or more")
    for each in value:
        _object(each, place)


def _rules(rules: Sequence[Any], place: str) -> None:
    if not rules:
        raise ValueError(f"{place} has an empty array, expected values to compare with")
    for rule in rules:
        if isinstance(rule, list):
            raise ValueError(f"{place} has an array in an array, expected values to compare with")
        if isinstance(rule, Mapping):
            _comparison(rule, place)


def _comparison(rule: Mapping[str, Any], place: str) -> None:
    (name, value), *more = rule.items() or [("", None)]
    if more or name not in _COMPARISONS:
        raise ValueError(f"{place} has {_shown(rule)}, expected one of {', '.join(_COMPARISONS)}")
    is_right = {
        "prefix": isinstance(value, str),
        "suffix": isinstance(value, str),
        "equals-ignore-case": isinstance(value, str),
        "exists": isinstance(value, bool),
        "anything-but": isinstance(value, list | str | int | float | Mapping) and value not in ([], {}),
        "numeric": _is_numeric(value),
    }
    if not is_right[name]:
        raise ValueError(f"{place} has {_shown(rule)}, which is not how {name} is written")


def _is_numeric(value: Any) -> bool:
    """Say whether it is one or two comparisons, as in ["=", 5] or [">", 0, "<=", 9]."""
    if not isinstance(value, list) or len(value) not in (2, 4):
        return False
    numbers = value[1::2]
    return all(word in _NUMERIC for word in value[::2]) and not any(
        isinstance(number, bool) or not isinstance(number, int | float) for number in numbers
    )


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
