"""What CloudFormation remembers: stacks, their resources and events, change sets; in memory, gone with the process as all of the local AWS.

A stack is written by one thread at a time (the one that runs its operation); readers see whole values, as lists are only appended to.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from slsdeploy.local.cloudformation.errors import Refused
from slsdeploy.local.cloudformation.template import Template


def now() -> datetime:
    """Return the time, as the events have it: UTC, to the millisecond."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a stack's history."""

    id: str
    at: datetime
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str
    properties: Mapping[str, Any] | None = None
    token: str | None = None


@dataclass(slots=True)
class Resource:
    """One resource of a stack as it is: the properties it was made with, and what `Fn::GetAtt` answers."""

    logical_id: str
    type: str
    physical_id: str
    properties: Mapping[str, Any]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    depends_on: frozenset[str] = frozenset()
    deletion_policy: str = "Delete"
    update_replace_policy: str = "Delete"
    metadata: Mapping[str, Any] = field(default_factory=dict)
    status: str = ""
    reason: str = ""
    at: datetime = field(default_factory=now)


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """Why a resource changes: a property ("" for what is not a property), whether that means a new resource, and the cause."""

    attribute: str
    name: str
    recreation: str
    source: str
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What an operation will do to one resource."""

    action: str
    logical_id: str
    physical_id: str
    type: str
    replaces: bool = False
    details: tuple[PropertyChange, ...] = ()
    policy_action: str = ""


@dataclass(frozen=True, slots=True)
class Desired:
    """What a stack shall become: its template (with parameters decided), tags, and what was said with the call.

    `imports` are the physical ids of resources that exist already, by logical id.
    """

    template: Template
    parameters: tuple[Mapping[str, Any], ...] = ()
    tags: tuple[Mapping[str, str], ...] = ()
    capabilities: tuple[str, ...] = ()
    role_arn: str | None = None
    on_failure: str = "ROLLBACK"
    retain_except_on_create: bool = False
    token: str | None = None
    imports: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class ChangeSet:
    """A prepared change of a stack; executing it applies `desired`, and imports what its changes say."""

    name: str
    id: str
    kind: str
    desired: Desired
    changes: tuple[Change, ...]
    description: str
    created: datetime
    status: str = "CREATE_COMPLETE"
    reason: str = ""
    execution: str = "AVAILABLE"
    imports_existing: bool = False


@dataclass(slots=True)
class Stack:
    """A stack: what it is made of, what happened to it, and what could happen next."""

    name: str
    id: str
    region: str
    created: datetime
    status: str
    reason: str = ""
    updated: datetime | None = None
    deleted: datetime | None = None
    current: Desired | None = None
    description: str = ""
    protected: bool = False
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: list[dict[str, str]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    executed: str | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def busy(self) -> bool:
        """Whether an operation runs: no other may start."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    def wait_while(self, *statuses: str, seconds: float) -> None:
        """Wait until the stack has another status, or the time is up."""
        deadline = time.monotonic() + seconds
        while self.status in statuses and time.monotonic() < deadline:
            time.sleep(0.02)

    def become(self, status: str, reason: str = "", token: str | None = None) -> None:
        """Change the stack's status, and record it."""
        self.status, self.reason = status, reason
        self.log(Resource(self.name, "AWS::CloudFormation::Stack", self.id, {}), status, reason, token)

    def log(self, resource: Resource, status: str, reason: str = "", token: str | None = None) -> None:
        """Record what happened to a resource (or to the stack itself)."""
        own = resource.physical_id == self.id
        kind = uuid.uuid4() if own else f"{resource.logical_id}-{status}-{uuid.uuid4()}"
        properties = None if own else resource.properties
        self.events.append(
            Event(
                str(kind),
                now(),
                resource.logical_id,
                resource.physical_id,
                resource.type,
                status,
                reason,
                properties,
                token,
            )
        )


class Stacks:
    """Every stack of every region, deleted ones too (found by id only, as on AWS)."""

    def __init__(self, account: str) -> None:
        self.account = account
        self._stacks: list[Stack] = []
        self.lock = threading.Lock()

    def all(self, region: str) -> list[Stack]:
        """Return a region's stacks, newest first."""
        return [stack for stack in reversed(self._stacks) if stack.region == region]

    def has(self, kind: str, physical_id: str) -> bool:
        """Return whether a resource belongs to a stack of any region."""
        return any(
            (resource.type, resource.physical_id) == (kind, physical_id)
            for stack in list(self._stacks)
            if stack.status != "DELETE_COMPLETE"
            for resource in list(stack.resources.values())
        )

    def find(self, region: str, name: str) -> Stack | None:
        """Return the stack of this id, or the one of this name that is not deleted."""
        for stack in self.all(region):
            if stack.id == name or (stack.name == name and stack.status != "DELETE_COMPLETE"):
                return stack
        return None

    def get(self, region: str, name: str) -> Stack:
        """Return the stack of this name or id. Raises Refused as AWS words it."""
        found = self.find(region, name)
        if found is None:
            raise Refused(f"Stack with id {name} does not exist")
        return found

    def draft(self, region: str, name: str) -> Stack:
        """Return an empty stack that is not there yet: `add` it once nothing is refused."""
        return Stack(name, self.arn(region, f"stack/{name}/{uuid.uuid4()}"), region, now(), "REVIEW_IN_PROGRESS")

    def add(self, stack: Stack) -> None:
        """Let a stack be found."""
        self._stacks.append(stack)

    def arn(self, region: str, resource: str) -> str:
        return f"arn:aws:cloudformation:{region}:{self.account}:{resource}"
