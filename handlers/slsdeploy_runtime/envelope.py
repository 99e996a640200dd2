"""EventBridge's envelope, which rules and schedules send: what says what it is, and what is inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slsdeploy_runtime.request import mismatch


def is_envelope(event: Any) -> bool:
    """Say whether this is an event of EventBridge: https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html."""
    return (
        isinstance(event, dict) and isinstance(event.get("source"), str) and isinstance(event.get("detail-type"), str)
    )


def meta(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stands beside the detail, for `Request.meta`."""
    return {
        "id": event.get("id", ""),
        "source": event["source"],
        "detail_type": event["detail-type"],
        "time": event.get("time", ""),
        "account": event.get("account", ""),
        "region": event.get("region", ""),
        "resources": event.get("resources", []),
    }


def fits(event: Mapping[str, Any], pattern: Mapping[str, Any]) -> bool:
    """Say whether an event may be of this pattern, as far as its source and detail-type tell: the rule has looked at all of it."""
    return all(_may_be(event[key], pattern.get(key)) for key in ("source", "detail-type"))


def _may_be(found: str, wanted: Any) -> bool:
    """Compare a value with plain texts; what else a pattern may hold (prefixes, numbers) was EventBridge's to compare."""
    if not isinstance(wanted, list) or not all(isinstance(each, str) for each in wanted):
        return True
    return found in wanted


def follow(event: Mapping[str, Any], path: str) -> Any:
    """Return what a path such as `$.detail.request` leads to. Raises BadInput where the event has no such thing."""
    found: Any = event
    for step in path.removeprefix("$").strip(".").split("."):
        if not step:
            continue
        if not isinstance(found, Mapping) or step not in found:
            raise mismatch(path, "nothing", "the inference request")
        found = found[step]
    return found
