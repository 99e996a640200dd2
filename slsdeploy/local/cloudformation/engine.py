"""Runs a stack's operations in the background: create, update, delete; on failure everything is put back, the first cause in the events.

Statuses and their order: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
Resources go one after another: calls to the local services take milliseconds, and the order of events stays easy to read.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from slsdeploy.local.cloudformation.changes import outputs_of
from slsdeploy.local.cloudformation.errors import Refused, ResourceFailed
from slsdeploy.local.cloudformation.operation import Operation
from slsdeploy.local.cloudformation.order import in_order
from slsdeploy.local.cloudformation.records import Desired, Resource, Stack, now

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Engine:
    """Runs operations; `client(region, service)` gives boto3 clients of the local AWS."""

    account: str
    client: Callable[[str, str], Any]

    def create(self, stack: Stack, desired: Desired) -> None:
        """Create the stack's resources in the background."""
        stack.become("CREATE_IN_PROGRESS", "User Initiated", desired.token)
        self._run(stack, self._create, desired)

    def update(self, stack: Stack, desired: Desired) -> None:
        """Update the stack in the background."""
        stack.become("UPDATE_IN_PROGRESS", "User Initiated", desired.token)
        self._run(stack, self._update, desired)

    def delete(self, stack: Stack, retain: Iterable[str], token: str | None) -> None:
        """Delete the stack in the background; `retain` are logical ids to leave alone."""
        stack.become("DELETE_IN_PROGRESS", "User Initiated", token)
        self._run(stack, self._delete, frozenset(retain), token)

    def _run(self, stack: Stack, work: Callable[..., None], *arguments: Any) -> None:
        def run() -> None:
            try:
                work(stack, *arguments)
            except Exception as error:
                _log.exception("the operation on stack %s stopped", stack.name)
                failed = stack.status.replace("_IN_PROGRESS", "_FAILED")
                stack.become(failed, f"Internal error of the local AWS: {type(error).__name__}: {error}")

        threading.Thread(target=run, name=f"stack-{stack.name}", daemon=True).start()

    def _operation(self, stack: Stack, token: str | None) -> Operation:
        return Operation(stack, self.account, self.client, token)

    def _create(self, stack: Stack, desired: Desired) -> None:
        operation = self._operation(stack, desired.token)
        stack.current = desired
        stack.description = desired.template.description
        try:
            self._apply(operation, desired)
        except ResourceFailed as error:
            self._roll_back_creation(operation, desired, error)
            return
        stack.become("CREATE_COMPLETE", token=desired.token)

    def _apply(self, operation: Operation, desired: Desired) -> None:
        for definition in desired.template.resources.values():
            operation.apply(definition, desired)
        try:
            operation.stack.outputs = outputs_of(desired.template, operation.lookup)
        except Refused as error:
            raise ResourceFailed(error.message) from error

    def _roll_back_creation(self, operation: Operation, desired: Desired, error: ResourceFailed) -> None:
        stack = operation.stack
        reason = _cause(stack, "create", error)
        if desired.on_failure == "DO_NOTHING":
            stack.become("CREATE_FAILED", reason, desired.token)
            return
        ends = "ROLLBACK" if desired.on_failure == "ROLLBACK" else "DELETE"
        asked = "Rollback" if ends == "ROLLBACK" else "Delete"
        stack.become(f"{ends}_IN_PROGRESS", f"{reason} {asked} requested by user.", desired.token)
        left = _remove_all(
            operation,
            {item.logical_id: _creation_policy(item, desired) for item in operation.created},
            keep_record=ends == "ROLLBACK",
        )
        operation.release()
        if left:
            stack.become(
                f"{ends}_FAILED", f"The following resource(s) failed to delete: [{', '.join(left)}]. ", desired.token
            )
        elif ends == "ROLLBACK":
            stack.become("ROLLBACK_COMPLETE", token=desired.token)
        else:
            _end(stack, desired.token)

    def _update(self, stack: Stack, desired: Desired) -> None:
        operation = self._operation(stack, desired.token)
        outputs = stack.outputs
        removed = [resource for name, resource in stack.resources.items() if name not in desired.template.resources]
        stack.updated = now()
        try:
            self._apply(operation, desired)
        except ResourceFailed as error:
            stack.outputs = outputs
            self._roll_back_update(operation, desired, error)
            return
        stack.current, stack.description = desired, desired.template.description
        stack.become("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", token=desired.token)
        for resource in reversed(operation.outdated):
            operation.remove(resource, _retained(resource.update_replace_policy))
        for name in reversed(_by_need(removed)):
            resource = stack.resources[name]
            if not operation.remove(resource, _retained(resource.deletion_policy)):
                del stack.resources[name]  # as on AWS: the update is done, what could not be deleted leaves the stack
        stack.become("UPDATE_COMPLETE", token=desired.token)

    def _roll_back_update(self, operation: Operation, desired: Desired, error: ResourceFailed) -> None:
        stack = operation.stack
        reason = _cause(stack, "update", error)
        if desired.on_failure == "DO_NOTHING":
            stack.become("UPDATE_FAILED", reason, desired.token)
            return
        stack.become("UPDATE_ROLLBACK_IN_PROGRESS", reason, desired.token)
        if left := operation.undo():
            stack.become(
                "UPDATE_ROLLBACK_FAILED",
                f"The following resource(s) failed to update: [{', '.join(left)}]. ",
                desired.token,
            )
            return
        stack.become("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", token=desired.token)
        for resource in reversed(operation.created):
            operation.remove(resource, _creation_policy(resource, desired))
            if stack.resources.get(resource.logical_id) is resource:
                del stack.resources[resource.logical_id]
        operation.release()
        stack.become("UPDATE_ROLLBACK_COMPLETE", token=desired.token)

    def _delete(self, stack: Stack, retain: frozenset[str], token: str | None) -> None:
        operation = self._operation(stack, token)
        policies = {
            name: "Retain" if name in retain else _retained(resource.deletion_policy)
            for name, resource in stack.resources.items()
        }
        if left := _remove_all(operation, policies):
            stack.become("DELETE_FAILED", f"The following resource(s) failed to delete: [{', '.join(left)}]. ", token)
        else:
            _end(stack, token)


def _end(stack: Stack, token: str | None) -> None:
    stack.deleted = now()
    stack.become("DELETE_COMPLETE", token=token)


def _remove_all(operation: Operation, policies: Mapping[str, str], *, keep_record: bool = False) -> list[str]:
    """Remove resources, what depends on others first; return the ids of those that could not be."""
    resources = [operation.stack.resources[name] for name in policies]
    left: list[str] = []
    for name in reversed(_by_need(resources)):
        resource = operation.stack.resources[name]
        if not operation.remove(resource, policies[name], keep_record=keep_record):
            left.append(name)
    return left


def _by_need(resources: Iterable[Resource]) -> list[str]:
    names = {resource.logical_id: resource for resource in resources}
    return in_order({name: resource.depends_on & set(names) for name, resource in names.items()})


def _retained(policy: str) -> str:
    return "Retain" if policy in ("Retain", "RetainExceptOnCreate") else "Delete"


def _creation_policy(resource: Resource, desired: Desired) -> str:
    """Return what becomes of a resource whose own creation is rolled back: RetainExceptOnCreate lets it go.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ExecuteChangeSet.html
    """
    return "Retain" if resource.deletion_policy == "Retain" and not desired.retain_except_on_create else "Delete"


def _cause(stack: Stack, verb: str, error: ResourceFailed) -> str:
    failed = ("CREATE_FAILED", "IMPORT_FAILED", "UPDATE_FAILED")
    names = [name for name, item in stack.resources.items() if item.status in failed]
    return f"The following resource(s) failed to {verb}: [{', '.join(names)}]." if names else str(error)
