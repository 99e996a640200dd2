"""What commands answer that use a function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Invoked:
    """`invoke`: the answer. Times in milliseconds; `init_ms` is what starting (or restoring) took, null when the environment was warm."""

    status_code: int
    payload: Any
    cold_start: bool
    duration_ms: float
    init_ms: float | None
    error: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Benched:
    """`bench`: cold and warm start of the bundle on this machine. Times in milliseconds, memory in bytes (`memory` and sizes in MB).

    `phases` follow one another and add up to `first_answer_ms`, but for those that are `part_of` another. `samples` are the
    single runs. `sizes` has a row per `--memory`.
    """

    name: str
    stage: str
    python: str
    architecture: str
    client: str
    runs: int
    memory: int
    phases: Sequence[Mapping[str, Any]]
    imports: Sequence[Mapping[str, Any]]
    init_ms: Mapping[str, float]
    first_answer_ms: Mapping[str, float]
    warm_ms: Mapping[str, float]
    memory_bytes: Mapping[str, float]
    sizes: Sequence[Mapping[str, Any]]
    samples: Sequence[Mapping[str, Any]]
    html: str
    notes: Sequence[str] = ()
