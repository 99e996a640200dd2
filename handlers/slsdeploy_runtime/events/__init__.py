"""Event sources, one file each: how it is wired (the SAM half) and how it is read (the event half), together.

A module here named `sqs` is the event source that `[[trigger]] type = "sqs"` means. It has

    Trigger                       a frozen dataclass: the options of `[[trigger]]`, with defaults; `__post_init__` raises ValueError
    wire(trigger, site) -> Wiring what the stack needs for it; pure; runs on the developer's machine. Raises ValueError
    start(service, source)        optional: what to import and connect while the environment initialises
    check(triggers)               optional: what is wrong with the triggers of a project side by side, as Problems
    matches(event, source) -> bool        whether a Lambda event is this source's
    handle(event, context, service, source) -> object
                                  answer it; runs inside Lambda

`direct` has no Trigger and no wire: every function answers it. No module here imports more than the standard library
at its top level: the deployer imports them for `wire`, and a function that is never called over HTTP has no routes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


def option(default: T, description: str) -> T:
    """Return the field of a Trigger: its default, and what editors and docs/configuration.md say of it."""
    made: T = field(default=default, metadata={"description": description})
    return made


class Problem(NamedTuple):
    """What is wrong with a trigger beside the others: its place among them, the option ("": all of it), what to say and do."""

    at: int
    option: str
    message: str
    hint: str = ""


class Site(NamedTuple):
    """What a trigger may know of the function it is wired to: its logical id, timeout in seconds, the trigger's own name, its network."""

    function: str
    timeout: int
    trigger: str
    subnets: Sequence[str] = ()
    security_groups: Sequence[str] = ()


class Wiring(NamedTuple):
    """What a trigger adds to the stack, in SAM's words.

    `properties` are merged into the function's; `events` are its SAM Events; `statements` go into its role's policy;
    `late_statements` into a policy of their own, for what the role cannot name without a cycle (function -> role -> bucket -> function).
    `outputs` are values by name.
    """

    properties: Mapping[str, Any] = {}
    events: Mapping[str, Any] = {}
    resources: Mapping[str, Any] = {}
    statements: Sequence[Mapping[str, Any]] = ()
    late_statements: Sequence[Mapping[str, Any]] = ()
    environment: Mapping[str, Any] = {}
    outputs: Mapping[str, Any] = {}


class Source(NamedTuple):
    """A trigger of this function as it runs: its name in the stack (`SqsTrigger2`) and its options (that module's Trigger)."""

    name: str
    options: Any = None

    def setting(self, key: str) -> str:
        """Return what `wire` passed under `variable(name, key)`, such as the name of a queue it created; "" when nothing."""
        return os.environ.get(variable(self.name, key), "")


def variable(trigger: str, key: str) -> str:
    """Return the environment variable by which `wire` tells `handle` what only the deployment knows."""
    return f"SLSDEPLOY_{trigger.upper()}_{key}"
