"""The preflight: a project (and its bundle, when there is one) -> findings, before AWS could say the same. Nothing here calls AWS.

One file per rule. A rule is a class derived from `Rule` (or `BundleRule`, when only a bundle can tell) in a module of this folder named
after its id (`unzipped_size.py`: "unzipped-size"); being there is all it takes to be run, explained and documented. Every module here but
`rule` is one.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Set
from functools import cache
from importlib import import_module

from slsdeploy import plugins
from slsdeploy.rules.rule import BundleRule, Finding, Phase, Rule, Severity, Subject, subject

__all__ = ["BundleRule", "Finding", "Phase", "Rule", "Severity", "Subject", "find_rules", "run", "subject"]

ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}


def run(of: Subject, phase: Phase | None = None, ignore: Set[str] = frozenset()) -> list[Finding]:
    """Return what every rule (of a phase) finds, the worst first."""
    asked = [rule for rule in find_rules() if phase in (None, rule.phase) and rule.id not in ignore]
    findings = [finding for rule in asked for finding in rule.check(of)]
    return sorted(findings, key=lambda finding: ORDER[finding.severity])


@cache
def find_rules() -> tuple[Rule, ...]:
    """Return one of each rule in this folder, by name."""
    return tuple(kind() for name in plugins.rules() for kind in _rules_of(name))


def _rules_of(id: str) -> Iterator[type[Rule]]:
    module = import_module(f"{__name__}.{id.replace('-', '_')}")
    for value in vars(module).values():
        is_rule = isinstance(value, type) and issubclass(value, Rule) and value.__module__ == module.__name__
        if is_rule and not inspect.isabstract(value):
            yield value
