"""What the preflight's commands answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Checked:
    """`check`: what the preflight found, the worst first; the rules that wait for a bundle; the command's exit code.

    A problem has {rule, severity("error"|"warning"|"note"), message, hint, path, line(0: unknown), link}.
    """

    problems: Sequence[Mapping[str, Any]]
    waiting: Sequence[str] = ()
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Explained:
    """`explain RULE`: what a rule of the preflight looks for. `phase`: whether it needs a bundle; `example` is what trips it.

    `summary` is one sentence, with which the `meaning` begins.
    """

    rule: str
    severity: str
    phase: str
    summary: str
    meaning: str
    why: str
    mend: str
    example: str
    link: str


@dataclass(frozen=True, slots=True)
class Listed:
    """`explain`: all rules, as `explain RULE` says them."""

    rules: Sequence[Explained]
