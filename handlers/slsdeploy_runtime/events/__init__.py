"""Event sources, one file each: how it is wired (the SAM half) and how it is read (the event half), together.

A module here named `sqs` is the event source that `[[trigger]] type = "sqs"` means. It has

    Trigger                       a frozen dataclass: the options of `[[trigger]]`, with defaults; `__post_init__` raises ValueError
    wire(trigger, site) -> Wiring what the stack needs for it; pure; runs on the developer's machine
    matches(event) -> bool        whether a Lambda event is this source's
    handle(event, context, service, options) -> object
                                  answer it; runs inside Lambda

`direct` has no Trigger and no wire: every function answers it. Nothing here imports more than the standard library
at the top level of a module that `wire` needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Site:
    """What a trigger may know of the function it is wired to: its logical id, timeout in seconds, the trigger's own name."""

    function: str
    timeout: int
    trigger: str


@dataclass(frozen=True, slots=True)
class Wiring:
    """What a trigger adds to the stack, in SAM's words.

    `properties` are merged into the function's; `events` are its SAM Events; `statements` go into its role's policy;
    `late_statements` into a policy of their own, for what the role cannot name without a cycle (function -> role -> bucket -> function).
    """

    properties: Mapping[str, Any] = field(default_factory=dict)
    events: Mapping[str, Any] = field(default_factory=dict)
    resources: Mapping[str, Any] = field(default_factory=dict)
    statements: Sequence[Mapping[str, Any]] = ()
    late_statements: Sequence[Mapping[str, Any]] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
