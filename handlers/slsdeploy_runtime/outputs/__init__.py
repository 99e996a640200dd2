"""Where answers that nobody waits for go, one file each: how it is wired (the SAM half) and how it is written to, together.

A module here named `sqs` is the output that `[output] type = "sqs"` means. It has

    Output                  a frozen dataclass: the options of `[output]`, with defaults; `__post_init__` raises ValueError;
                            `creates()` are the names it takes, `target` is the ARN of what exists ("": the stack's own),
                            `triggers(trigger)` says whether its answers would come back through a trigger (None: a bad one)
    wire(output, trigger) -> Wiring
                            what the stack needs for it; `trigger` is the one whose answers it takes, "" for the project's; pure
    CLIENT                  the AWS client that it needs
    way(service, output, setting) -> Way
                            how answers are written; runs inside Lambda. `setting(key)` is what `wire` passed as `variable(trigger, key)`

No module here imports more than the standard library at its top level: the deployer imports them for `wire`.
"""

from __future__ import annotations

from slsdeploy_runtime import events
from slsdeploy_runtime.events import option
from slsdeploy_runtime.names import Created, Kind

__all__ = ["NotSent", "arn_in", "logical_id", "named", "option", "variable"]


class NotSent(Exception):
    """AWS took the batch of answers but not this one."""


def arn_in(value: str | None) -> str:
    """Return the ARN of what exists, if an option holds one; "" for a name, or for nothing."""
    return value if value and value.startswith("arn:") else ""


def named(kind: Kind, value: str | None) -> list[Created]:
    """Return what the stack creates under the name that the option `kind` holds, if it holds one."""
    return [] if value is None or arn_in(value) else [Created(kind, value, kind)]


def logical_id(trigger: str, what: str) -> str:
    """Return what the stack calls it: SqsTriggerOutputQueue, or for the project's own OutputQueue."""
    return f"{trigger}Output{what}"


def variable(trigger: str, key: str) -> str:
    """Return the environment variable by which `wire` tells the function what only the deployment knows."""
    return events.variable(f"{trigger}_OUTPUT" if trigger else "OUTPUT", key)
