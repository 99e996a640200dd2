"""Filter criteria of event source mappings: which records a function gets to see.

Data that is JSON is looked into where a pattern does so; data that is not passes only a pattern that does not look.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from moto.events.models import EventPattern


def is_wanted(mapping: Any, record: Mapping[str, Any]) -> bool:
    """Say whether a record, as the function would see it, passes any of the mapping's filters."""
    filters = (mapping.filter_criteria or {}).get("Filters") or []
    return not filters or any(_fits(item.get("Pattern") or "{}", record) for item in filters)


def _fits(pattern: str, record: Mapping[str, Any]) -> bool:
    wanted = json.loads(pattern)
    return bool(EventPattern(pattern, wanted).matches_event(_subject(record)))


def _subject(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what patterns are about: a queue's record with its body decoded, what Kinesis has of it with its data."""
    if "kinesis" in record:
        data = base64.b64decode(record["kinesis"]["data"])
        return {**record["kinesis"], "data": _decoded(data)}
    return {**record, "body": _decoded(record["body"])} if "body" in record else dict(record)


def _decoded(content: bytes | str) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content if isinstance(content, str) else content.decode("utf-8", "replace")
