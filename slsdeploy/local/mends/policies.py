"""IAM policy documents -> whether they allow an action; enough to tell a forgotten permission, without conditions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any


def allows(documents: Sequence[Mapping[str, Any]], action: str, resource: str) -> bool:
    """Return whether the documents together allow the action on the resource: some statement does, and none denies it.

    Conditions count as met when they allow, and as not met when they deny.
    """
    found = [statement for document in documents for statement in _list(document.get("Statement"))]
    if any(
        item.get("Effect") == "Deny" and "Condition" not in item and _applies(item, action, resource) for item in found
    ):
        return False
    return any(item.get("Effect") == "Allow" and _applies(item, action, resource) for item in found)


def trusts(document: Mapping[str, Any], service: str) -> bool:
    """Return whether a role's trust policy lets a service ("lambda.amazonaws.com") assume it."""
    return any(
        item.get("Effect") == "Allow" and service in _services(item) and "sts:AssumeRole" in _list(item.get("Action"))
        for item in _list(document.get("Statement"))
    )


def lets_in(statements: Sequence[Mapping[str, Any]], service: str, action: str, source: str) -> bool:
    """Return whether a resource's own policy lets a service do something on behalf of a source (an ARN)."""
    return any(
        item.get("Effect") == "Allow"
        and (service in _services(item) or item.get("Principal") == "*")
        and any(_matches(pattern, action, fold=True) for pattern in _list(item.get("Action")))
        and _from_source(item.get("Condition") or {}, source)
        for item in statements
    )


def role_documents(role: Any) -> list[dict[str, Any]]:
    """Return every policy document of a role, as moto keeps it: inline and managed ones."""
    managed = [
        version.document
        for policy in role.managed_policies.values()
        for version in policy.versions
        if version.version_id == policy.default_version_id
    ]
    return [read(text) for text in [*role.policies.values(), *managed]]


def read(text: Any) -> dict[str, Any]:
    """Return a policy document, which moto keeps as text."""
    found: dict[str, Any] = json.loads(text) if isinstance(text, str) else text
    return found


def _applies(statement: Mapping[str, Any], action: str, resource: str) -> bool:
    if "Action" in statement:
        acts = any(_matches(pattern, action, fold=True) for pattern in _list(statement["Action"]))
    else:
        acts = not any(_matches(pattern, action, fold=True) for pattern in _list(statement.get("NotAction")))
    if "NotResource" in statement:
        return acts and not any(_matches(pattern, resource) for pattern in _list(statement["NotResource"]))
    return acts and any(_matches(pattern, resource) for pattern in _list(statement.get("Resource", "*")))


def _from_source(condition: Mapping[str, Any], source: str) -> bool:
    """Check a condition's `aws:SourceArn`; the account is always ours."""
    for tests in condition.values():
        for key, patterns in tests.items():
            if key.lower() == "aws:sourcearn" and not any(_matches(pattern, source) for pattern in _list(patterns)):
                return False
    return True


def _services(statement: Mapping[str, Any]) -> Iterator[str]:
    principal = statement.get("Principal")
    if isinstance(principal, Mapping):
        yield from _list(principal.get("Service"))


def _matches(pattern: str, text: str, *, fold: bool = False) -> bool:
    # In IAM's patterns a bracket is no more than a bracket.
    pattern = pattern.replace("[", "[[]")
    return fnmatchcase(text.lower(), pattern.lower()) if fold else fnmatchcase(text, pattern)


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
