"""A stack as it is x what it shall become -> the changes, resource by resource, as a change set shows them.

References to resources that will be new are `Unknown`, so what depends on them counts as changed, as on AWS. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from slsdeploy.local.cloudformation.errors import Refused
from slsdeploy.local.cloudformation.intrinsics import Unknown, references, resolve
from slsdeploy.local.cloudformation.records import Change, Desired, PropertyChange, Resource, Stack
from slsdeploy.local.cloudformation.resources import ResourceType, resource_types
from slsdeploy.local.cloudformation.template import Definition, Template

_ATTRIBUTES = {
    "DeletionPolicy": "deletion_policy",
    "UpdateReplacePolicy": "update_replace_policy",
    "Metadata": "metadata",
}


def compare(stack: Stack, desired: Desired) -> tuple[Change, ...]:
    """Return what would happen to each resource. Raises Refused for types that are unknown or may not change."""
    _check_types(stack, desired)
    fresh: set[str] = set()
    changes = []
    for definition in desired.template.resources.values():
        former = stack.resources.get(definition.logical_id)
        wanted = properties_of(definition, desired, known(stack, fresh))
        if former is None:
            change: Change | None = _addition(definition, desired.imports.get(definition.logical_id, ""))
        else:
            change = _change(definition, former, wanted, stack.current)
        if change is None:
            continue
        if change.action == "Add" or change.replaces:
            fresh.add(definition.logical_id)
        changes.append(change)
    gone = [resource for name, resource in stack.resources.items() if name not in desired.template.resources]
    return (*changes, *map(_removal, reversed(gone)))


def known(stack: Stack, fresh: set[str]) -> Callable[[str, str], Any]:
    """Return what answers for the stack's resources; those that are new, or not there, are `Unknown`."""

    def lookup(logical_id: str, attribute: str) -> Any:
        resource = stack.resources.get(logical_id)
        if resource is None or logical_id in fresh:
            return Unknown(logical_id, attribute)
        return value_of(resource, attribute)

    return lookup


def value_of(resource: Resource, attribute: str) -> Any:
    """Return what `Ref` (attribute "") or `Fn::GetAtt` answers. Raises Refused as AWS words it."""
    if not attribute:
        return resource.physical_id
    if attribute not in resource.attributes:
        raise Refused(
            f"Template error: resource {resource.logical_id} does not support attribute type {attribute} in Fn::GetAtt"
        )
    return resource.attributes[attribute]


def properties_of(definition: Definition, desired: Desired, lookup: Callable[[str, str], Any]) -> dict[str, Any]:
    """Return a resource's properties with every function resolved, and the stack's tags beside its own."""
    properties: dict[str, Any] = resolve(definition.properties, desired.template.scope(lookup))
    if not resource_types()[definition.type].tags or not desired.tags:
        return properties
    own = properties.get("Tags") or []
    keys = {tag["Key"] for tag in own}
    return {**properties, "Tags": [*own, *(tag for tag in desired.tags if tag["Key"] not in keys)]}


def outputs_of(template: Template, lookup: Callable[[str, str], Any]) -> list[dict[str, str]]:
    """Return the stack's outputs as DescribeStacks shows them. Raises Refused."""
    scope = template.scope(lookup)
    found = []
    for name, item in template.outputs.items():
        output = {"OutputKey": name, "OutputValue": str(resolve(item.get("Value"), scope))}
        if "Description" in item:
            output["Description"] = str(item["Description"])
        if "Export" in item:
            output["ExportName"] = str(resolve(item["Export"]["Name"], scope))
        found.append(output)
    return found


def has_changes(stack: Stack, desired: Desired, changes: Sequence[Change]) -> bool:
    """Return whether there is anything to do: a resource, or an output."""
    return bool(changes) or outputs_of(desired.template, known(stack, set())) != stack.outputs


def _check_types(stack: Stack, desired: Desired) -> None:
    definitions = desired.template.resources.values()
    unknown = sorted({item.type for item in definitions if item.type not in resource_types()})
    if unknown:
        has = ", ".join(resource_types())
        raise Refused(
            f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]. The local AWS has {has}"
        )
    retyped = [item.logical_id for item in definitions if _former_type(stack, item) != item.type]
    if retyped:
        raise Refused(
            "Update of resource type is not permitted. "
            f"The new template modifies resource type of the following resources: [{', '.join(retyped)}]"
        )


def _former_type(stack: Stack, definition: Definition) -> str:
    former = stack.resources.get(definition.logical_id)
    return former.type if former else definition.type


def _change(
    definition: Definition, former: Resource, wanted: Mapping[str, Any], current: Desired | None
) -> Change | None:
    kind = resource_types()[definition.type]
    details = (*_property_changes(definition, former, wanted, kind, current), *_attribute_changes(definition, former))
    if not details:
        return None
    replaces = any(detail.recreation == "Always" for detail in details)
    policy = "" if not replaces else _policy_action(former.update_replace_policy, replaces=True)
    return Change("Modify", definition.logical_id, former.physical_id, definition.type, replaces, details, policy)


def _addition(definition: Definition, imported: str) -> Change:
    return Change("Import" if imported else "Add", definition.logical_id, imported, definition.type)


def _removal(resource: Resource) -> Change:
    policy = _policy_action(resource.deletion_policy, replaces=False)
    return Change("Remove", resource.logical_id, resource.physical_id, resource.type, policy_action=policy)


def _policy_action(policy: str, *, replaces: bool) -> str:
    keeps = policy.startswith("Retain")
    if replaces:
        return "ReplaceAndRetain" if keeps else "ReplaceAndDelete"
    return "Retain" if keeps else "Delete"


def _property_changes(
    definition: Definition, former: Resource, wanted: Mapping[str, Any], kind: ResourceType, current: Desired | None
) -> Iterator[PropertyChange]:
    old = current.template.resources.get(definition.logical_id) if current else None
    for name in sorted({*wanted, *former.properties}):
        if wanted.get(name) == former.properties.get(name):
            continue
        raw = definition.properties.get(name)
        same_text = old is not None and old.properties.get(name) == raw
        source, cause = _source(raw, wanted.get(name)) if same_text else ("DirectModification", "")
        if name == "Tags":
            yield PropertyChange("Tags", "", "Never", source, cause)
        else:
            yield PropertyChange("Properties", name, "Always" if name in kind.replaced_by else "Never", source, cause)


def _source(raw: Any, wanted: Any) -> tuple[str, str]:
    """Return why a property differs although its text does not: another resource, or a parameter."""
    if unknown := next(_unknowns(wanted), None):
        if unknown.attribute:
            return "ResourceAttribute", f"{unknown.logical_id}.{unknown.attribute}"
        return "ResourceReference", unknown.logical_id
    name = next((name for name, attribute in references(raw) if not attribute), "")
    return ("ParameterReference", name) if name else ("DirectModification", "")


def _unknowns(value: Any) -> Iterator[Unknown]:
    if isinstance(value, Unknown):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _unknowns(item)
    elif isinstance(value, list):
        for item in value:
            yield from _unknowns(item)


def _attribute_changes(definition: Definition, former: Resource) -> Iterator[PropertyChange]:
    for attribute, field in _ATTRIBUTES.items():
        if getattr(definition, field) != getattr(former, field):
            yield PropertyChange(attribute, "", "Never", "DirectModification")
