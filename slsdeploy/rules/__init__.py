"""The preflight: a project (and its bundle, when there is one) -> findings, before AWS could say the same. Nothing here calls AWS.

One file per rule. A rule is a class derived from `Rule` in a module of this folder named after its id
(`unzipped_size.py`: "unzipped-size"); being there is all it takes to be run.
"""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from slsdeploy.errors import ProjectError
from slsdeploy.rules.rule import Finding, Rule, Severity, Subject, subject

__all__ = ["Finding", "Rule", "Severity", "Subject", "enforce", "find_rules", "run", "subject"]


def run(of: Subject) -> list[Finding]:
    """Return what every rule finds, the worst first."""
    findings = [finding for rule in find_rules() for finding in rule.check(of)]
    order = {"error": 0, "warning": 1, "note": 2}
    return sorted(findings, key=lambda finding: order[finding.severity])


def enforce(of: Subject) -> None:
    """Stop at what is sure to fail; warnings and notes are for `check` to show.

    Raises ProjectError with every error that the rules find.
    """
    errors = [finding for finding in run(of) if finding.severity == "error"]
    if len(errors) == 1:
        raise ProjectError(errors[0].message, errors[0].hint, errors[0].path)
    if errors:
        lines = [f"{finding.message}\n    {finding.hint}" for finding in errors]
        message = "\n  ".join([f"{len(errors)} things are wrong with the project:", *lines])
        raise ProjectError(message, "`slsdeploy check` says more of each")


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
