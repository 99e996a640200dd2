"""What takes the room of a bundle -> the table that `build` prints: a row a package, the largest first, and what was cut. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from slsdeploy.printable import size

_ROWS = 12  # what is smaller is summed up
_NAMED = 3
Row = Mapping[str, Any]


def shown(space: Sequence[Row], slimmed: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Show the rows, and who tried what is left."""
    if not space:
        return
    total = sum(row["bytes"] for row in space) or 1
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for title in ("what takes the space", "files", "unzipped", "share", "left out"):
        table.add_column(title, justify="right" if table.columns else "left", no_wrap=True)
    there, gone = (
        [row for row in space if row["bytes"]],
        [row for row in space if not row["bytes"] and row["cut_bytes"]],
    )
    for row in there[:_ROWS]:
        table.add_row(*_cells(row, total, escape(row["name"])))
    if there[_ROWS:]:
        table.add_row(*_cells(_sum(there[_ROWS:]), total, f"[dim]{len(there) - _ROWS} more[/]"))
    if gone:
        names = ", ".join(row["name"] for row in gone[:_NAMED]) + (", ..." if len(gone) > _NAMED else "")
        table.add_row(*_cells(_sum(gone), total, f"[dim]{escape(names)}[/]"))
    yield table
    if slimmed.get("bytes"):
        yield f"slim: {size(slimmed['bytes'])} left out"
        yield from (f"  [dim]{escape(said)}[/]" for said in (slimmed["imports_by"], slimmed["outputs_by"]) if said)


def _sum(rows: Sequence[Row]) -> Row:
    return {key: sum(row[key] for row in rows) for key in ("bytes", "files", "cut_bytes")}


def _cells(row: Row, total: int, name: str) -> Iterator[str]:
    yield name
    yield str(row["files"]) if row["files"] else ""
    yield size(row["bytes"]) if row["files"] else "-"
    yield f"{100 * row['bytes'] / total:.1f} %" if row["files"] else ""
    yield f"[green]{size(row['cut_bytes'])}[/]" if row["cut_bytes"] else ""
