"""What the preflight answers -> what a person reads: findings in columns, rules in a table, one rule explained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.markup import escape

from slsdeploy.errors import GateError
from slsdeploy.printable import printable
from slsdeploy.results.check import Checked, Explained, Listed

COLOURS = {"error": "red", "warning": "yellow", "note": "dim"}


def checked(result: Checked) -> Iterator[RenderableType]:
    """Show what was found, the worst first: how bad, which rule, where, what; what to do below it."""
    if not result.problems:
        yield "[green]✓[/] nothing to complain about"
        return
    columns = [(problem["severity"], problem["rule"], _place(problem)) for problem in result.problems]
    first, second, third = (max(map(len, column)) for column in zip(*columns, strict=True))
    indent = " " * (first + 2 + second + 2 + (third + 2 if third else 0))
    for (severity, rule, place), problem in zip(columns, result.problems, strict=True):
        colour, at = COLOURS[severity], f"{escape(place.ljust(third))}  " if third else ""
        told = indented(escape(problem["message"]), indent)
        yield f"[{colour}]{severity.ljust(first)}[/]  [bold]{rule.ljust(second)}[/]  {at}{told}"
        if problem["hint"]:
            yield f"{indent}[cyan]hint:[/] {indented(escape(problem['hint']), indent)}"
    gate = "; fail_on lets this not through" if result.exit_code == GateError.exit_code else ""
    yield f"{_counted(result.problems)}{gate}; `slsdeploy explain {result.problems[0]['rule']}` says more"


def indented(text: str, indent: str) -> str:
    """Write the later lines of a text below its first."""
    return text.replace("\n", f"\n{indent}")


def explained(result: Explained) -> Iterator[RenderableType]:
    """Show one rule: what it means, why, how to mend it, what trips it, where it is written."""
    when = "looks at the bundle" if result.phase == "bundle" else "looks at the project"
    yield f"[bold]{result.rule}[/] [{COLOURS[result.severity]}]{result.severity}[/], {when}"
    yield f"\n{escape(result.meaning)}"
    for name, text in (("Why", result.why), ("How to mend it", result.mend)):
        yield f"\n[bold]{name}.[/] {escape(text)}"
    yield "\n[bold]What trips it:[/]\n"
    yield escape("\n".join(f"    {line}".rstrip() for line in result.example.splitlines()))
    yield f"\n[dim]{result.link}[/]"


def listed(result: Listed) -> Iterator[RenderableType]:
    """Show all rules: a line each."""
    width = max(len(rule.rule) for rule in result.rules)
    for rule in result.rules:
        colour, summary = COLOURS[rule.severity], escape(rule.summary.rstrip("."))
        yield f"[bold]{rule.rule.ljust(width)}[/]  [{colour}]{rule.severity.ljust(7)}[/]  {rule.phase.ljust(7)}  {summary}"


def _place(problem: Mapping[str, Any]) -> str:
    path = printable(problem["path"])
    return f"{path}:{problem['line']}" if problem["line"] else path


def _counted(problems: Sequence[Mapping[str, Any]]) -> str:
    counts = Counter(problem["severity"] for problem in problems)
    return ", ".join(f"{count} {severity}{'s' if count > 1 else ''}" for severity, count in counts.items())


VIEWS = {Checked: checked, Explained: explained, Listed: listed}
