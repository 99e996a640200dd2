"""What depends on what -> an order in which each comes after what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from graphlib import CycleError, TopologicalSorter

from slsdeploy.local.cloudformation.errors import Refused


def in_order(needs: Mapping[str, AbstractSet[str]]) -> list[str]:
    """Return the names so that each follows everything it needs. Raises Refused, naming the members of a cycle."""
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        members = sorted(set(error.args[1]))
        raise Refused(f"Circular dependency between resources: [{', '.join(members)}]") from None
