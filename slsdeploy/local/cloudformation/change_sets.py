"""Change sets: prepare a change, show what it would do, execute it; the part of CloudFormation's API that deals with them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from slsdeploy.local.cloudformation import describe
from slsdeploy.local.cloudformation.changes import compare, has_changes
from slsdeploy.local.cloudformation.desired import check_name, make_desired
from slsdeploy.local.cloudformation.engine import Engine
from slsdeploy.local.cloudformation.errors import Refused
from slsdeploy.local.cloudformation.imports import existing
from slsdeploy.local.cloudformation.records import ChangeSet, Stack, Stacks, now

Given = Mapping[str, Any]
Answer = dict[str, Any]
NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
_UPDATABLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED", "CREATE_FAILED")


class ChangeSets:
    """The operations on change sets. `fetch(region, url)` reads a template from S3."""

    def __init__(self, stacks: Stacks, engine: Engine, fetch: Callable[[str, str], str]) -> None:
        self._stacks = stacks
        self._engine = engine
        self._fetch = fetch
        self.operations: dict[str, Callable[[str, Given], Answer]] = {
            "CreateChangeSet": self.create,
            "DescribeChangeSet": self.describe,
            "ExecuteChangeSet": self.execute,
            "DeleteChangeSet": self.delete,
            "ListChangeSets": self.list,
        }

    def create(self, region: str, given: Given) -> Answer:
        kind = given.get("ChangeSetType") or "UPDATE"
        name = given["ChangeSetName"]
        with self._stacks.lock:
            stack, is_new = self._stack_for(region, given["StackName"], kind, name)
            if name in stack.change_sets and not stack.change_sets[name].execution.startswith("EXECUTE"):
                raise Refused(f"ChangeSet [{name}] already exists", "AlreadyExistsException")
            desired = make_desired(given, stack, self._stacks.account, lambda url: self._fetch(region, url))
            if kind == "UPDATE" and given.get("OnStackFailure") == "DELETE":
                raise Refused("The DELETE value of OnStackFailure is only supported for change sets of type CREATE.")
            imports_existing = bool(given.get("ImportExistingResources"))
            if imports_existing:
                desired = replace(desired, imports=existing(stack, desired, self._stacks, self._engine.client))
            changes = compare(stack, desired)
            change_id = self._stacks.arn(region, f"changeSet/{name}/{uuid.uuid4()}")
            change_set = ChangeSet(name, change_id, kind, desired, changes, given.get("Description") or "", now())
            change_set.imports_existing = imports_existing
            if not has_changes(stack, desired, changes):
                change_set.status, change_set.execution, change_set.reason = "FAILED", "UNAVAILABLE", NO_CHANGES
            if is_new:
                self._stacks.add(stack)
                stack.become("REVIEW_IN_PROGRESS", "User Initiated")
            stack.change_sets[name] = change_set
        return {"Id": change_set.id, "StackId": stack.id}

    def _stack_for(self, region: str, name: str, kind: str, change_set: str) -> tuple[Stack, bool]:
        stack = self._stacks.find(region, name)
        if kind == "CREATE":
            check_name(name)
            if stack is None:
                return self._stacks.draft(region, name), True
            if stack.status != "REVIEW_IN_PROGRESS":
                raise Refused(
                    f"Stack [{name}] already exists and cannot be created again with the changeSet [{change_set}]."
                )
            return stack, False
        if kind != "UPDATE":
            raise Refused(f"The local AWS does not emulate change sets of type {kind}")
        if stack is None:
            raise Refused(f"Stack [{name}] does not exist")
        if stack.status not in _UPDATABLE:
            raise Refused(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
        return stack, False

    def find(self, region: str, stack: str | None, name: str) -> tuple[Stack, ChangeSet]:
        """Return a change set by its id, or by its name in a stack. Raises Refused as AWS words it."""
        stacks = self._stacks.all(region) if stack is None else [self._existing(region, stack)]
        for owner in stacks:
            for found in list(owner.change_sets.values()):
                if name == found.id or (stack is not None and name == found.name):
                    return owner, found
        raise Refused(f"ChangeSet [{name}] does not exist", "ChangeSetNotFound")

    def _existing(self, region: str, name: str) -> Stack:
        found = self._stacks.find(region, name)
        if found is None:
            raise Refused(f"Stack [{name}] does not exist")
        return found

    def describe(self, region: str, given: Given) -> Answer:
        stack, change_set = self.find(region, given.get("StackName"), given["ChangeSetName"])
        return describe.change_set(change_set, stack)

    def execute(self, region: str, given: Given) -> Answer:
        stack, change_set = self.find(region, given.get("StackName"), given["ChangeSetName"])
        with stack.lock:
            if change_set.execution != "AVAILABLE" or stack.busy:
                status = change_set.status if change_set.execution == "UNAVAILABLE" else change_set.execution
                raise Refused(
                    f"ChangeSet [{change_set.id}] cannot be executed in its current status of [{status}]",
                    "InvalidChangeSetStatus",
                )
            desired = replace(
                change_set.desired,
                token=given.get("ClientRequestToken"),
                retain_except_on_create=bool(given.get("RetainExceptOnCreate")),
            )
            if given.get("DisableRollback"):
                desired = replace(desired, on_failure="DO_NOTHING")
            change_set.execution = "EXECUTE_IN_PROGRESS"
            stack.executed = change_set.id
            stack.change_sets = {
                change_set.name: change_set
            }  # the others were compared with what no longer is; AWS deletes them too
            start = self._engine.create if change_set.kind == "CREATE" else self._engine.update
            start(stack, desired)
        # Most operations are done in a moment; `aws cloudformation deploy` looks at once, and then not for half a minute.
        stack.wait_while("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", seconds=1)
        return {}

    def delete(self, region: str, given: Given) -> Answer:
        stack, change_set = self.find(region, given.get("StackName"), given["ChangeSetName"])
        stack.change_sets.pop(change_set.name, None)
        return {}

    def list(self, region: str, given: Given) -> Answer:
        stack = self._existing(region, given["StackName"])
        return {"Summaries": [describe.change_set_summary(item, stack) for item in list(stack.change_sets.values())]}
