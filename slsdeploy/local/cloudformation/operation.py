"""What happens to one resource in one operation: made, changed, replaced, put back or removed; each with its events.

`Operation` keeps what it did, so that a failure can be undone (`undo`) and a success cleaned up (`clean_up`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from slsdeploy.local.cloudformation.changes import properties_of, value_of
from slsdeploy.local.cloudformation.errors import Refused, ResourceFailed
from slsdeploy.local.cloudformation.records import Desired, Resource, Stack, now
from slsdeploy.local.cloudformation.resources import Request, ResourceType, resource_types
from slsdeploy.local.cloudformation.template import Definition


@dataclass(slots=True)
class Operation:
    """One run over a stack's resources. `client(region, service)` gives boto3 clients of the local AWS."""

    stack: Stack
    account: str
    client: Callable[[str, str], Any]
    token: str | None = None
    updated: list[tuple[Resource, Resource]] = field(default_factory=list)
    created: list[Resource] = field(default_factory=list)
    imported: list[Resource] = field(default_factory=list)
    outdated: list[Resource] = field(default_factory=list)
    before: dict[str, Resource] = field(init=False)

    def __post_init__(self) -> None:
        self.before = dict(self.stack.resources)

    def apply(self, definition: Definition, desired: Desired) -> None:
        """Make the resource what its definition says. Raises ResourceFailed, after its event."""
        former = self.stack.resources.get(definition.logical_id)
        wanted = Resource(
            definition.logical_id,
            definition.type,
            former.physical_id if former else "",
            {},
            former.attributes if former else {},
            definition.depends_on,
            definition.deletion_policy,
            definition.update_replace_policy,
            definition.metadata,
        )
        try:
            wanted.properties = properties_of(definition, desired, self.lookup)
        except Refused as error:
            self._say(wanted, "UPDATE_FAILED" if former else "CREATE_FAILED", error.message)
            raise ResourceFailed(error.message) from error
        if former is None and definition.logical_id in desired.imports:
            self._import(wanted, desired.imports[definition.logical_id])
        elif former is None:
            self._create(wanted)
        elif wanted.properties != former.properties:
            self._change(former, wanted)
        else:
            self.stack.resources[wanted.logical_id] = replace(
                wanted, status=former.status, at=former.at, reason=former.reason
            )

    def lookup(self, logical_id: str, attribute: str) -> Any:
        """Answer `Ref` and `Fn::GetAtt` of resources that exist by now."""
        return value_of(self.stack.resources[logical_id], attribute)

    def request(self, resource: Resource) -> Request:
        """Return what a resource type needs to act upon a resource."""
        stack = self.stack

        def client(service: str) -> Any:
            return self.client(stack.region, service)

        return Request(stack.name, resource.logical_id, stack.region, self.account, resource.properties, client)

    def _create(self, resource: Resource) -> None:
        self.stack.resources[resource.logical_id] = resource
        self.created.append(resource)
        self._say(resource, "CREATE_IN_PROGRESS")
        self._make(resource, "CREATE", "Resource creation Initiated")

    def _import(self, resource: Resource, physical_id: str) -> None:
        """Take a resource that exists into the stack as it is; only the tags are set."""
        kind = resource_types()[resource.type]
        request = self.request(resource)
        resource.physical_id = physical_id
        self.stack.resources[resource.logical_id] = resource
        self.imported.append(resource)
        self._say(resource, "IMPORT_IN_PROGRESS", "Resource import started.")
        try:
            check(kind, resource)
            if not kind.exists(request, physical_id):
                raise ResourceFailed(f"Resource of type '{kind.type}' with identifier '{physical_id}' was not found.")
            kind.update(request, physical_id, {k: v for k, v in resource.properties.items() if k != "Tags"})
            resource.attributes = kind.attributes(request, physical_id)
        except Exception as error:
            self._fail(resource, "IMPORT_FAILED", error)
        self._say(resource, "IMPORT_COMPLETE", "Resource import completed.")

    def release(self) -> None:
        """Let what was imported go again, as it was found."""
        for resource in reversed(self.imported):
            self._say(resource, "IMPORT_ROLLBACK_IN_PROGRESS")
            self._say(resource, "IMPORT_ROLLBACK_COMPLETE")
            self.stack.resources.pop(resource.logical_id, None)

    def _make(self, resource: Resource, verb: str, initiated: str) -> None:
        kind = resource_types()[resource.type]
        request = self.request(resource)
        try:
            check(kind, resource)
            resource.physical_id = kind.create(request)
            self._say(resource, f"{verb}_IN_PROGRESS", initiated)
            kind.configure(request, resource.physical_id)
            resource.attributes = kind.attributes(request, resource.physical_id)
        except Exception as error:
            self._fail(resource, f"{verb}_FAILED", error)
        self._say(resource, f"{verb}_COMPLETE")

    def _change(self, former: Resource, wanted: Resource) -> None:
        kind = resource_types()[wanted.type]
        self.stack.resources[wanted.logical_id] = wanted
        self.updated.append((former, wanted))
        differing = {
            name
            for name in {*wanted.properties, *former.properties}
            if _differs(name, former.properties, wanted.properties)
        }
        if differing & kind.replaced_by:
            self._replace(kind, former, wanted)
            return
        self._say(wanted, "UPDATE_IN_PROGRESS")
        try:
            check(kind, wanted)
            self._update(kind, wanted, former)
        except Exception as error:
            self._fail(wanted, "UPDATE_FAILED", error)
        self._say(wanted, "UPDATE_COMPLETE")

    def _update(self, kind: ResourceType, wanted: Resource, former: Resource) -> None:
        request = self.request(wanted)
        kind.update(request, wanted.physical_id, former.properties)
        wanted.attributes = kind.attributes(request, wanted.physical_id)

    def _replace(self, kind: ResourceType, former: Resource, wanted: Resource) -> None:
        self._say(
            wanted,
            "UPDATE_IN_PROGRESS",
            "Requested update requires the creation of a new physical resource; hence creating one.",
        )
        wanted.physical_id = ""
        name = kind.named_by
        if name and name in wanted.properties and wanted.properties[name] == former.properties.get(name):
            message = "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
            message += f"Rename {former.physical_id} and update the stack again."
            self._fail(wanted, "UPDATE_FAILED", ResourceFailed(message))
        self._make(wanted, "UPDATE", "Resource creation Initiated")
        self.outdated.append(former)

    def undo(self) -> list[str]:
        """Put changed resources back as they were; return the ids of those that could not be."""
        failed = []
        self.stack.resources.update(self.before)
        for former, wanted in reversed(self.updated):
            if former.physical_id != wanted.physical_id:
                self.created.append(wanted)
                self._say(former, "UPDATE_COMPLETE")
            elif not self._put_back(former, wanted):
                failed.append(former.logical_id)
        self.outdated.clear()
        return failed

    def _put_back(self, former: Resource, wanted: Resource) -> bool:
        self._say(former, "UPDATE_IN_PROGRESS")
        try:
            self._update(resource_types()[former.type], former, wanted)
        except Exception as error:  # whatever it is, the rest is still put back
            self._say(former, "UPDATE_FAILED", str(error))
            return False
        self._say(former, "UPDATE_COMPLETE")
        return True

    def remove(self, resource: Resource, policy: str, *, keep_record: bool = False) -> bool:
        """Remove a resource, unless its policy keeps it. Returns whether that worked; its event says why not."""
        if policy == "Retain":
            self._say(resource, "DELETE_SKIPPED")
        elif resource.physical_id and not self._delete(resource):
            return False
        if not keep_record and self.stack.resources.get(resource.logical_id) is resource:
            del self.stack.resources[resource.logical_id]
        return True

    def _delete(self, resource: Resource) -> bool:
        self._say(resource, "DELETE_IN_PROGRESS")
        try:
            resource_types()[resource.type].delete(self.request(resource), resource.physical_id)
        except Exception as error:  # whatever it is, the other resources are still removed
            self._say(resource, "DELETE_FAILED", str(error))
            return False
        self._say(resource, "DELETE_COMPLETE")
        return True

    def _fail(self, resource: Resource, status: str, error: Exception) -> None:
        known = isinstance(error, Refused | ResourceFailed)
        message = str(error) if known else f"Internal error of the local AWS: {type(error).__name__}: {error}"
        self._say(resource, status, message)
        raise ResourceFailed(message) from error

    def _say(self, resource: Resource, status: str, reason: str = "") -> None:
        resource.status, resource.reason, resource.at = status, reason, now()
        self.stack.log(resource, status, reason, self.token)


def check(kind: ResourceType, resource: Resource) -> None:
    """Refuse properties that the type does not have, or lacks. Raises ResourceFailed in AWS's words."""
    problems = [
        f"#: extraneous key [{name}] is not permitted" for name in resource.properties if name not in kind.properties
    ]
    problems += [
        f"#: required key [{name}] not found" for name in sorted(kind.required) if name not in resource.properties
    ]
    if problems:
        raise ResourceFailed(
            f"Properties validation failed for resource {resource.logical_id} with message: {' '.join(problems)}"
        )


def _differs(name: str, former: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return bool(former.get(name) != wanted.get(name))
