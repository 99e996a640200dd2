"""Where the answers to what nobody waits for go: a trigger's own queue or bucket, or the project's `[output]`.

Pure but for `start` and `outlet`, which run inside Lambda.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from slsdeploy_runtime import outputs
from slsdeploy_runtime.events import Site, Source, Wiring, option
from slsdeploy_runtime.names import FIFO, Created

if TYPE_CHECKING:
    from slsdeploy_runtime.outlet import Outlet

Place = Literal["queue", "bucket", "none"]
# a trigger's own: the module, and which variable tells that the stack has it
OWN = {
    "queue": ("slsdeploy_runtime.outputs.sqs", "QUEUE_URL"),
    "bucket": ("slsdeploy_runtime.outputs.s3", "BUCKET"),
}


class Answering(Protocol):
    """A trigger whose records are answered elsewhere."""

    @property
    def output(self) -> Place | None: ...

    @property
    def output_name(self) -> str | None: ...


def output() -> Place | None:
    """Return the option that says where answers go."""
    return option(None, 'where answers go; default: where `[output]` says, without one "queue"')


def output_name() -> str | None:
    """Return the option that names it."""
    return option(None, "the name of the queue or bucket to create for answers; default: one is found")


def check(trigger: Answering) -> None:
    """Raise ValueError for a name of nothing."""
    if trigger.output == "none" and trigger.output_name is not None:
        raise ValueError('output_name: found one with output = "none", which creates nothing')


def check_unordered(trigger: Answering) -> None:
    """Raise ValueError for an ordered queue: a stream's records have no message groups."""
    check(trigger)
    if trigger.output != "bucket" and (trigger.output_name or "").endswith(FIFO):
        raise ValueError(
            "output_name: a .fifo queue takes its message groups from an input queue; expected a name without"
        )


def created(trigger: Answering) -> Sequence[Created]:
    """Return the queue or bucket that has a name."""
    if trigger.output == "none" or trigger.output_name is None:
        return []
    return [Created("bucket" if trigger.output == "bucket" else "queue", trigger.output_name, "output_name")]


def wire(trigger: Answering, site: Site, name: str | None = None) -> Wiring:
    """Create the trigger's own queue (of this name, or the trigger's) or bucket, and let the function write there."""
    if trigger.output == "none" or (site.has_output and is_projects(trigger)):
        return Wiring()
    place = trigger.output or "queue"
    module = import_module(OWN[place][0])
    wiring: Wiring = module.wire(module.Output(**{place: trigger.output_name or name}), site.trigger)
    return wiring


def is_projects(trigger: Any) -> bool:
    """Say whether a trigger's answers go to `[output]`, if there is one: unless it has said otherwise."""
    return getattr(trigger, "output", None) is None and getattr(trigger, "output_name", None) is None


def start(service: Any, source: Source) -> None:
    """Make the client that answers need while the environment initialises."""
    if (found := _found(service, source)) is not None:
        service.client(found.module.CLIENT)


def outlet(service: Any, source: Source) -> Outlet:
    """Return where this trigger's answers go: its own queue or bucket, or the project's output, or nowhere."""
    from slsdeploy_runtime.outlet import Outlet

    found = _found(service, source)
    if found is None:
        return Outlet(None, service)
    way = found.module.way(service, found.options, lambda key: os.environ.get(outputs.variable(found.trigger, key), ""))
    if found.trigger:
        return Outlet(way, service)
    number = source.name.rpartition("Trigger")[2]  # the second trigger of a type has one
    return Outlet(way, service, f"{source.options.type}{number}/", source.options.type)


class _Found(NamedTuple):
    """An output: its module, its options (None: a trigger's own, with the defaults), whose it is ("": the project's)."""

    module: Any
    options: Any
    trigger: str


def _found(service: Any, source: Source) -> _Found | None:
    for own, key in OWN.values():
        if os.environ.get(outputs.variable(source.name, key)):
            return _Found(import_module(own), None, source.name)
    if service.output is None or not is_projects(source.options):
        return None
    module = import_module(service.output.module)
    return _Found(module, module.Output(**service.output.options), "")
