"""The preflight: a project (and its bundle, when there is one) -> findings, before AWS could say the same. Nothing here calls AWS.

One file per rule. A rule is a class derived from `Rule` in a module of this folder named after its id
(`unzipped_size.py`: "unzipped-size"); being there is all it takes to be run.
"""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from slsdeploy.rules.rule import Finding, Rule, Severity, Subject, subject

__all__ = ["Finding", "Rule", "Severity", "Subject", "find_rules", "run", "subject"]


def run(of: Subject) -> list[Finding]:
    """Return what every rule finds, the worst first."""
    findings = [finding for rule in find_rules() for finding in rule.check(of)]
    order = {"error": 0, "warning": 1, "note": 2}
    return sorted(findings, key=lambda finding: order[finding.severity])


@cache
def find_rules() -> tuple[Rule, ...]:
    """Return one of each rule in this folder, by name."""
    modules = [import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    kinds = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Rule) and value is not Rule
    }
    return tuple(sorted((kind() for kind in kinds), key=lambda rule: rule.id))
