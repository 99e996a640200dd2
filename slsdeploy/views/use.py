"""What a function answered, and how long it took -> what a person reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from slsdeploy import failure
from slsdeploy.printable import size
from slsdeploy.results.use import Benched, Invoked
from slsdeploy.views.tables import make_table

_IMPORTS = 6


def invoked(result: Invoked) -> Iterator[RenderableType]:
    """Show an answer, then how long it took."""
    if result.error and isinstance(result.payload, dict) and "errorType" in result.payload:
        yield f"[red]{escape(failure.read(result.payload, '').text)}[/]"
    else:
        yield Text(result.payload if isinstance(result.payload, str) else json.dumps(result.payload), no_wrap=True)
    start = f"cold start, init {result.init_ms:.0f} ms" if result.init_ms is not None else "warm"
    status = f" with {result.status_code}" if result.status_code >= 400 else ""
    told = f"[red]failed{status}[/]" if result.error else f"[dim]{result.status_code}[/]"
    yield f"{told} [dim]in {result.duration_ms:.1f} ms, {start}[/]"


def benched(result: Benched) -> Iterator[RenderableType]:
    """Show the phases of a cold start as a table, what the imports cost, what is warm, what the memory sizes give."""
    first, memory, warm = result.first_answer_ms, result.memory_bytes, result.warm_ms
    runs = f"{result.runs} run{'' if result.runs == 1 else 's'}"
    yield f"[bold]{escape(result.name)}[/] Python {result.python} on {result.architecture}, {result.client}, {runs}"
    table = make_table("phase", "median ms", "least", "most", right=(1, 2, 3))
    for phase in result.phases:
        label = f"[dim]  of it: {phase['label']}[/]" if phase["part_of"] else phase["label"]
        table.add_row(label, *(f"{phase[key]:.1f}" for key in ("median_ms", "min_ms", "max_ms")))
    table.add_row("[bold]to the first answer[/]", *(f"[bold]{first[key]:.1f}[/]" for key in ("median", "min", "max")))
    yield table
    yield ""
    yield _imports(result.imports[:_IMPORTS])
    if result.sizes:
        yield ""
        yield _sizes(result.sizes)
    yield ""
    yield f"[dim]warm[/]     p50 {warm['p50']:.2f}, p90 {warm['p90']:.2f}, p99 {warm['p99']:.2f} ms [dim]({warm['requests']} requests)[/]"
    yield f"[dim]memory[/]   {size(int(memory['first_answer']))} resident after the first answer, {size(int(memory['peak']))} at most"
    yield from (f"[dim]·[/] {escape(note)}" for note in result.notes)
    yield f"[dim]waterfall[/] {escape(result.html)}"


def _imports(packages: Iterable[Mapping[str, Any]]) -> Table:
    """Show the costliest imports."""
    table = make_table("import", "itself ms", "with its own imports", right=(1, 2))
    for package in packages:
        table.add_row(escape(package["package"]), f"{package['self_ms']:.1f}", f"{package['cumulative_ms']:.1f}")
    return table


def _sizes(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Show memory sizes; a star is behind more CPUs than this machine has."""
    columns = ("MB", "vCPU", "first ms", "p50 ms", "p99 ms", "used", "fits", "$/million", "$/million cold")
    table = make_table(*columns, right=(0, 1, 2, 3, 4, 5, 7, 8))
    for row in rows:
        star = "*" if row["vcpus"] > row["simulated_vcpus"] else ""
        table.add_row(
            str(row["memory"]),
            f"{row['vcpus']:.2f}{star}",
            f"{row['first_answer_ms']:.0f}",
            f"{row['warm_ms']['p50']:.1f}",
            f"{row['warm_ms']['p99']:.1f}",
            size(row["peak_bytes"]),
            "yes" if row["fits"] else "[red]no[/]",
            f"{row['usd_per_million']:.2f}",
            f"{row['usd_per_million_cold']:.2f}",
        )
    return table


VIEWS = {Invoked: invoked, Benched: benched}
