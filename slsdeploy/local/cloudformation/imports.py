"""A template x what there is -> the resources that a change set imports instead of making them (`ImportExistingResources`).

A resource is imported when its name stands in the template as text, its DeletionPolicy keeps it, and it belongs to no stack; else
it is made, and fails when its name is taken. It stays as it is: what the template says otherwise is drift, as on AWS.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slsdeploy.local.cloudformation.records import Desired, Stack, Stacks
from slsdeploy.local.cloudformation.resources import Request, resource_types
from slsdeploy.local.cloudformation.template import Definition


def existing(stack: Stack, desired: Desired, stacks: Stacks, client: Callable[[str, str], Any]) -> dict[str, str]:
    """Return the physical ids of what is to be imported, by logical id."""

    def exists(definition: Definition, name: str) -> bool:
        request = Request(
            stack.name,
            definition.logical_id,
            stack.region,
            stacks.account,
            definition.properties,
            lambda service: client(stack.region, service),
        )
        return not stacks.has(definition.type, name) and resource_types()[definition.type].exists(request, name)

    new = [item for name, item in desired.template.resources.items() if name not in stack.resources]
    named = [(item, _static_name(item)) for item in new]
    return {item.logical_id: name for item, name in named if name and exists(item, name)}


def _static_name(definition: Definition) -> str:
    """Return the name that says which resource is meant, "" when it is not to be imported."""
    kind = resource_types().get(definition.type)
    if kind is None or not kind.imported_by or not definition.deletion_policy.startswith("Retain"):
        return ""
    name = definition.properties.get(kind.imported_by)
    return name if isinstance(name, str) else ""
