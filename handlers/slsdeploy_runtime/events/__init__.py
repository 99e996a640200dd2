"""Event sources, one file each: how it is wired (the SAM half) and how it is read (the event half), together.

A module here named `sqs` is the event source that `[[trigger]] type = "sqs"` means. It has

    Trigger                       a frozen dataclass: the options of `[[trigger]]`, with defaults; `__post_init__` raises ValueError
    wire(trigger, site) -> Wiring what the stack needs for it; pure; runs on the developer's machine. Raises ValueError
    start(service, source)        optional: what to import and connect while the environment initialises
    check(triggers)               optional: what is wrong with the triggers of a project side by side, as Problems
    matches(event, source) -> bool        whether a Lambda event is this source's
    handle(event, context, service, source) -> object
                                  answer it; runs inside Lambda
    sample(body, placed) -> event an event of this source that holds an inference request (a JSON value); for `invoke --sample`
    sample_object(body, placed)   optional: the object of S3 (bucket, key, bytes) that such an event speaks of

An installed package adds one through an entry point of the group `slsdeploy.events`: its name is the word, its value the module.
`direct` has no Trigger and no wire: every function answers it. No module here imports more than the standard library
at its top level: the deployer imports them for `wire`, and a function that is never called over HTTP has no routes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


def option(default: T, description: str, schema: str = "") -> T:
    """Return the field of a Trigger: its default, and what editors and docs/configuration.md say of it.

    `schema` is the module of an option that is a table: it has its JSON Schema (`SCHEMA`).
    """
    made: T = field(default=default, metadata={"description": description, **({"schema": schema} if schema else {})})
    return made


def model_option(named_by: str) -> str | None:
    """Return the field of a Trigger that names the model, where a request can, too."""
    said = f'the model that predicts; default: of several, the one that a {named_by} names ("model"), or the first'
    return option(None, said)


def file_option(default: T, description: str) -> T:
    """Return the field of a Trigger that names a file of the project; `wire` finds its text in `Site.texts`."""
    made: T = field(default=default, metadata={"description": description, "file": True})
    return made


def table_option(description: str) -> Any:
    """Return the field of a Trigger that is a table of any content, empty by default."""
    return field(default_factory=dict, metadata={"description": description})


def sample_number() -> int:
    """Return a number that no sample had before: one with the id of another would be taken for the same, delivered twice."""
    return time.time_ns()


class Problem(NamedTuple):
    """What is wrong with a trigger beside the others: its place among them, the option ("": all of it), what to say and do."""

    at: int
    option: str
    message: str
    hint: str = ""


class Signature(NamedTuple):
    """A model as triggers see it: its name, and its inputs and outputs as (name, datatype, shape)."""

    name: str
    inputs: Sequence[tuple[str, str, tuple[int, ...]]]
    outputs: Sequence[tuple[str, str, tuple[int, ...]]]


class Site(NamedTuple):
    """What a trigger may know of the function it is wired to: its logical id, timeout in seconds, the trigger's own name, its network.

    `models` are those that the function serves (none while only its environment is asked for), `functions` which of the user's functions
    it has ("preprocess", ...), `texts` the files that the trigger's options name, by option; `has_output` says that there is an `[output]`.
    """

    function: str
    timeout: int
    trigger: str
    subnets: Sequence[str] = ()
    security_groups: Sequence[str] = ()
    models: Sequence[Signature] = ()
    functions: Collection[str] = ()
    texts: Mapping[str, str] = {}
    has_output: bool = False

    @property
    def alias(self) -> dict[str, str]:
        """What callers call: the function's alias, as SAM names it."""
        return {"Ref": f"{self.function}.Alias"}


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

    def beside(self, other: Wiring) -> Wiring:
        """Return both together."""
        return Wiring(
            properties={**self.properties, **other.properties},
            events={**self.events, **other.events},
            resources={**self.resources, **other.resources},
            statements=[*self.statements, *other.statements],
            late_statements=[*self.late_statements, *other.late_statements],
            environment={**self.environment, **other.environment},
            outputs={**self.outputs, **other.outputs},
        )


class Placed(NamedTuple):
    """A trigger as it is deployed: its name in the stack, its options, what the stack says of it (the `outputs` of its wiring)."""

    name: str
    options: Any
    outputs: Mapping[str, str]
    region: str = "us-east-1"


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
