"""Template text + parameters -> a Template: validated, its conditions decided, its resources in the order they depend on each other.

Refuses what CloudFormation refuses before it touches anything: unknown sections, references to nothing, cycles, parameters
that are missing or not allowed. Pure; nothing here knows what a resource type does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slsdeploy.local.cloudformation import parameters, yaml_tags
from slsdeploy.local.cloudformation.errors import Refused
from slsdeploy.local.cloudformation.intrinsics import PSEUDO, Scope, references, resolve_condition
from slsdeploy.local.cloudformation.order import in_order

_SECTIONS = frozenset(
    (
        *("AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Rules", "Mappings"),
        *("Conditions", "Transform", "Hooks", "Resources", "Outputs"),
    )
)
_ATTRIBUTES = frozenset(
    (
        *("Type", "Properties", "DependsOn", "Condition", "Metadata"),
        *("DeletionPolicy", "UpdateReplacePolicy", "CreationPolicy", "UpdatePolicy"),
    )
)
_POLICIES = ("Delete", "Retain", "RetainExceptOnCreate", "Snapshot")
_IAM_TYPES = frozenset(
    ("AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::User", "AWS::IAM::Group")
)
_IAM_TYPES |= {"AWS::IAM::InstanceProfile"}
_IAM_NAMES = ("RoleName", "PolicyName", "ManagedPolicyName", "UserName", "GroupName", "InstanceProfileName")


@dataclass(frozen=True, slots=True)
class Definition:
    """One resource as the template has it; `depends_on` names every resource that it needs."""

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    depends_on: frozenset[str]
    deletion_policy: str
    update_replace_policy: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Template:
    """A template for one stack: its parameters' values, and only the resources and outputs whose conditions hold."""

    text: str
    description: str
    values: Mapping[str, Any]
    mappings: Mapping[str, Any]
    conditions: Mapping[str, Any]
    resources: Mapping[str, Definition] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)

    def scope(self, resource: Any) -> Scope:
        """Return what names mean in it; `resource(logical_id, attribute)` answers for resources."""
        return Scope(self.values, resource, self.mappings, self.conditions)


def read(text: str, given: Mapping[str, Any], pseudo: Mapping[str, Any]) -> Template:
    """Read and validate a template's text, with the values of its parameters and pseudo parameters. Raises Refused."""
    body = yaml_tags.load(text)
    _check_sections(body)
    values = {**pseudo, **parameters.values(body.get("Parameters") or {}, given)}
    bare = Template(
        text, str(body.get("Description", "")), values, body.get("Mappings") or {}, body.get("Conditions") or {}
    )
    scope = bare.scope(lambda name, _: _no_resource(name))
    wanted = {name: item for name, item in body["Resources"].items() if _holds(item, scope)}
    definitions = {name: _definition(name, item) for name, item in wanted.items()}
    outputs = {name: item for name, item in (body.get("Outputs") or {}).items() if _holds(item, scope)}
    _check_references(body, values)
    ordered = in_order({name: definition.depends_on & set(definitions) for name, definition in definitions.items()})
    resources = {name: definitions[name] for name in ordered}
    return Template(text, bare.description, values, bare.mappings, bare.conditions, resources, outputs)


def required_capabilities(text: str) -> list[str]:
    """Return the capabilities that must be acknowledged: CAPABILITY_IAM, or CAPABILITY_NAMED_IAM when names are given."""
    resources = (yaml_tags.load(text).get("Resources") or {}).values()
    iam = [item for item in resources if isinstance(item, dict) and item.get("Type") in _IAM_TYPES]
    # An inline policy's PolicyName is required and is no name of its own.
    named = any(
        name in (item.get("Properties") or {})
        for item in iam
        for name in _IAM_NAMES
        if item["Type"] != "AWS::IAM::Policy"
    )
    return [] if not iam else ["CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"]


def _no_resource(name: str) -> Any:
    raise Refused(
        f"Template error: Unresolved dependencies [{name}]. Cannot reference resources in the Conditions block of the template"
    )


def _check_sections(body: Mapping[str, Any]) -> None:
    unknown = sorted(set(body) - _SECTIONS)
    if unknown:
        raise Refused(f"Invalid template property or properties [{', '.join(unknown)}]")
    if body.get("Transform"):
        raise Refused(
            f"The local AWS does not run transforms ({body['Transform']}): transform the template before it is sent"
        )
    if not isinstance(body.get("Resources"), dict) or not body["Resources"]:
        raise Refused("Template format error: At least one Resources member must be defined.")
    for name, item in body["Resources"].items():
        _check_resource(name, item)


def _check_resource(name: str, item: Any) -> None:
    if not re.fullmatch(r"[A-Za-z0-9]{1,255}", str(name)):
        raise Refused(f"Template format error: Resource name {name} is non alphanumeric.")
    if not isinstance(item, dict) or not isinstance(item.get("Type"), str):
        raise Refused(f"Template format error: [/Resources/{name}] Every Resources object must contain a Type member.")
    unknown = sorted(set(item) - _ATTRIBUTES)
    if unknown:
        raise Refused(f"Invalid template resource property '{unknown[0]}'")
    for key in ("DeletionPolicy", "UpdateReplacePolicy"):
        if item.get(key, "Delete") not in _POLICIES:
            raise Refused(f"Template format error: Unrecognized {key} {item[key]} for resource {name}")


def _holds(item: Mapping[str, Any], scope: Scope) -> bool:
    return "Condition" not in item or resolve_condition(item["Condition"], scope)


def _definition(name: str, item: Mapping[str, Any]) -> Definition:
    properties = item.get("Properties") or {}
    needs = item.get("DependsOn") or []
    explicit = {needs} if isinstance(needs, str) else set(needs)
    return Definition(
        logical_id=name,
        type=item["Type"],
        properties=properties,
        depends_on=frozenset(explicit | {found for found, _ in references(properties)}),
        deletion_policy=item.get("DeletionPolicy", "Delete"),
        update_replace_policy=item.get("UpdateReplacePolicy", "Delete"),
        metadata=item.get("Metadata") or {},
    )


def _check_references(body: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Refuse references to what the template does not have, in AWS's words for each place."""
    resources = body["Resources"]
    known = set(resources) | set(values) | set(PSEUDO)
    missing = [name for item in resources.values() for name in _missing(item.get("Properties"), known)]
    missing += [
        name for item in resources.values() for name in _as_list(item.get("DependsOn")) if name not in resources
    ]
    for block, names in (("Resources", missing), ("Outputs", list(_missing(body.get("Outputs"), known)))):
        if names:
            listed = ", ".join(dict.fromkeys(names))
            raise Refused(
                f"Template format error: Unresolved resource dependencies [{listed}] in the {block} block of the template"
            )


def _missing(value: Any, known: set[str]) -> Iterator[str]:
    return (name for name, _ in references(value) if name not in known)


def _as_list(value: Any) -> Sequence[str]:
    return [value] if isinstance(value, str) else value or []
