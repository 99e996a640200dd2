"""Findings -> what becomes of them: ignored, shown, or the end of it.

What stops are errors, and warnings and notes too when `fail_on` says so. `build`, `plan` and `up` run the rules about the project
before the build and those about a bundle after it, before anything is published; `check` runs all that can be run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slsdeploy import plugins, rules
from slsdeploy.errors import GateError, ProjectError, SlsdeployError

if TYPE_CHECKING:
    from slsdeploy.config import Config
    from slsdeploy.rules import Finding, Phase, Severity, Subject
    from slsdeploy.tools import Reporter

_EXPLAIN = "`slsdeploy check` shows all of them, `slsdeploy explain RULE` says more of one"


@dataclass(frozen=True, slots=True)
class Gate:
    """What is let through: nothing as severe as `fail_on`, but for the rules that are ignored."""

    fail_on: Severity = "error"
    ignore: frozenset[str] = frozenset()

    def stops(self, finding: Finding) -> bool:
        """Say whether a finding is the end of it."""
        return rules.ORDER[finding.severity] <= rules.ORDER[self.fail_on]


def gate(config: Config, fail_on: Severity | None = None, ignore: Iterable[str] = ()) -> Gate:
    """Return what `[check]` lets through, with what an option says above it.

    Raises ProjectError for a rule that there is not.
    """
    known = plugins.rules()
    for id in ignore:
        if id not in known:
            from slsdeploy.explaining import unknown

            raise unknown(id, known, "--ignore")
    return Gate(fail_on or config.check.fail_on, frozenset({*config.check.ignore, *ignore}))


def find(of: Subject, gate: Gate, phase: Phase | None = None) -> list[Finding]:
    """Return what the rules (of a phase) find that are not ignored, the worst first."""
    return rules.run(of, phase, gate.ignore)


def waiting(gate: Gate) -> list[str]:
    """Return the rules that can say nothing before there is a bundle."""
    return [rule.id for rule in rules.find_rules() if rule.phase == "bundle" and rule.id not in gate.ignore]


def enforce(findings: Sequence[Finding], gate: Gate, reporter: Reporter) -> None:
    """Show warnings, a line each, and stop at what the gate does not let through; notes are for `check` to show.

    Raises as `refuse` does.
    """
    for finding in findings:
        if finding.severity == "warning" and not gate.stops(finding):
            place = f"{finding.place}: " if finding.path else ""
            reporter.warning(f"{place}{finding.message}", finding.rule)
    refuse(findings, gate)


def refuse(findings: Sequence[Finding], gate: Gate) -> None:
    """Stop at what the gate does not let through.

    Raises ProjectError when an error is among it; else, when only `fail_on` says so, GateError.
    """
    stopping = [finding for finding in findings if gate.stops(finding)]
    kind = _kind(findings, gate)
    if kind is None:
        return
    if len(stopping) == 1:
        (only,) = stopping
        told = "" if kind is ProjectError else f' ({only.rule}; fail_on = "{gate.fail_on}")'
        raise kind(only.message + told, only.hint, only.place)
    lines = [f"{_placed(finding)} [{finding.rule}]\n    {finding.hint}" for finding in stopping]
    told = "" if kind is ProjectError else f' (fail_on = "{gate.fail_on}")'
    message = "\n  ".join([f"{len(stopping)} things are wrong with the project{told}:", *lines])
    raise kind(message, _EXPLAIN)


def exit_code(findings: Sequence[Finding], gate: Gate) -> int:
    """Return what `check` ends with: what `refuse` would raise, as a number."""
    kind = _kind(findings, gate)
    return kind.exit_code if kind else 0


def _kind(findings: Sequence[Finding], gate: Gate) -> type[SlsdeployError] | None:
    if any(finding.severity == "error" for finding in findings):
        return ProjectError
    return GateError if any(gate.stops(finding) for finding in findings) else None


def _placed(finding: Finding) -> str:
    return f"{finding.place}: {finding.message}" if finding.path else finding.message
