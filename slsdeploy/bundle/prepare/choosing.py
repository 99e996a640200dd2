"""Measurements -> the candidate that ships; pure."""

from __future__ import annotations

from collections.abc import Sequence

from slsdeploy.types import Measured

# A candidate must win clearly, so that the choice is the same each time: over the plain one by a tenth; over another by less than what
# optimising a transformer ahead gains (9 to 13%), and more than what not optimising it again does (4%); always by more than a small
# model takes in all.
CLEARLY_MS, OVER_PLAIN, OVER_OTHERS = 5.0, 0.10, 0.065
# What it may cost in exchange: nothing that can be told from noise.
WARM, WARM_NOISE_MS = 1.08, 0.1
MEMORY, MEMORY_NOISE_MB = 1.02, 2.0


def choose(measured: Sequence[Measured]) -> str:
    """Return the name of the candidate that ships: of those that are given, the first is plain."""
    plain = best = measured[0]
    for candidate in measured[1:]:
        gain = best.answer_ms - candidate.answer_ms
        share = OVER_PLAIN if best is plain else OVER_OTHERS
        is_faster = gain >= max(CLEARLY_MS, share * best.answer_ms)
        if not candidate.dropped and is_faster and costs_nothing(candidate, plain):
            best = candidate
    return best.candidate


def costs_nothing(candidate: Measured, plain: Measured) -> bool:
    """Say whether a candidate is as fast as the plain one when it is warm, and as small in memory."""
    is_as_fast = candidate.warm_ms <= plain.warm_ms * WARM + WARM_NOISE_MS
    return is_as_fast and candidate.resident_mb <= plain.resident_mb * MEMORY + MEMORY_NOISE_MB


def can_be_beaten(plain: Measured) -> bool:
    """Say whether any candidate could win over the plain one: a small model is answered sooner than that."""
    return plain.answer_ms >= CLEARLY_MS
