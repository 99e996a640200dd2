"""What commands of the embedded AWS answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LocalStatus:
    """`local status`: the embedded AWS; `limits` are what it cannot enforce or does not emulate here."""

    running: bool
    endpoint: str
    pid: int | None
    functions: Sequence[Mapping[str, Any]]
    regions: Sequence[str] = ()
    limits: Sequence[str] = ()
