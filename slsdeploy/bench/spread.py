"""Many measurements -> the few numbers that stand for them. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some measurements, the least and the most of them; in their own unit."""

    median: float
    min: float
    max: float

    def rounded(self) -> dict[str, float]:
        """Return it for a JSON document."""
        return {"median": round(self.median, 3), "min": round(self.min, 3), "max": round(self.max, 3)}


def spread(values: Sequence[float]) -> Spread:
    """Return the spread of at least one measurement."""
    return Spread(statistics.median(values), min(values), max(values))


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value below which so many percent of at least one measurement lie, between neighbours in proportion."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def percentiles(values: Sequence[float]) -> Mapping[str, float]:
    """Return p50, p90 and p99, and of how many."""
    found = {f"p{percent}": round(percentile(values, percent), 3) for percent in (50, 90, 99)}
    return {**found, "requests": len(values)}
