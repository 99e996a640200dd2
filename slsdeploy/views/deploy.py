"""What is deployed, or would be -> what a person reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from rich.console import RenderableType
from rich.markup import escape
from rich.padding import Padding

from slsdeploy.printable import size
from slsdeploy.results.deploy import Downed, Planned, Stated, Upped
from slsdeploy.views.tables import make_table

ACTIONS = {"add": "[green]+[/]", "modify": "[yellow]~[/]", "remove": "[red]-[/]"}


def planned(result: Planned) -> Iterator[RenderableType]:
    """Show what would change."""
    if not result.changed:
        yield "[green]✓[/] nothing to do: what is deployed is what you have here"
        return
    for step in result.steps:
        amount = f" [dim]{size(step['bytes'])}[/]" if "bytes" in step else ""
        name = re.sub(r"-[0-9a-f]{32,64}(\.zip)?$", "", step["name"])  # keys and layers' names end in a digest
        yield f"{step['type'].replace('-', ' ')} [bold]{escape(name)}[/]{amount}"
    table = make_table("", "resource", "type")
    for change in result.resources:
        table.add_row(ACTIONS[change["action"]], escape(change["logical_id"]), f"[dim]{change['type']}[/]")
    yield Padding(table, (0, 0, 0, 2))


def upped(result: Upped) -> Iterator[RenderableType]:
    """Show what is deployed now and how to reach it."""
    where = "the local AWS" if result.target == "local" else "AWS"
    if result.changed:
        yield (
            f"[green]✓[/] [bold]{result.stack}[/] is on {where}: version {result.version}, "
            f"{size(result.uploaded_bytes)} uploaded, {result.seconds['total']:.1f} s"
        )
    else:
        took = f"[dim]{result.seconds['total']:.1f} s[/]"
        yield f"[green]✓[/] nothing changed: [bold]{result.stack}[/] version {result.version} is on {where} {took}"
    yield from _outputs(result.outputs, result.endpoint)


def stated(result: Stated) -> Iterator[RenderableType]:
    """Show what is deployed."""
    yield f"[bold]{result.stack}[/] {result.status}, version {result.version}, {result.package} bundle {result.bundle_digest[:12]}"
    for name, digest in result.models.items():
        yield f"  model {escape(name)} [dim]sha256[/] {digest[:12]}"
    yield from _outputs(result.outputs, result.endpoint)
    yield f"[dim]deployed {result.deployed_at}[/]"


def downed(result: Downed) -> Iterator[RenderableType]:
    """Show what was removed and what was kept."""
    yield f"[green]✓[/] {result.stack} is gone" if result.removed else f"[green]✓[/] there is no stack {result.stack}"
    for physical_id in result.kept:
        yield f"  kept, there is something in it: [bold]{escape(physical_id)}[/]  [dim](--delete-data removes such things too)[/]"
    for arn, function in result.shared.items():
        name, _, number = arn.partition(":layer:")[2].rpartition(":")
        yield f"  kept, {escape(function)} uses it: the layer [bold]{escape(name)}[/], version {number}"


def _outputs(outputs: Mapping[str, str], endpoint: str) -> Iterator[RenderableType]:
    """List what one reaches the function by; what the lines above say already is left out."""
    lines = {
        name: value
        for name, value in sorted(outputs.items())
        if name not in {"Alias", "FunctionArn", "FunctionName", "Version"}
    }
    if endpoint:
        lines["AWS endpoint"] = endpoint
    width = max(map(len, lines), default=0)
    yield from (f"  [dim]{name:<{width}}[/]  {escape(value)}" for name, value in lines.items())


VIEWS = {Planned: planned, Upped: upped, Stated: stated, Downed: downed}
