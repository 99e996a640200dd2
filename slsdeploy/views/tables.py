"""Columns -> an empty table as all of ours are: no lines, dim headers."""

from __future__ import annotations

from rich.table import Table


def make_table(*columns: str, right: tuple[int, ...] = ()) -> Table:
    """Return a table with these columns; those numbered in `right` are set to the right."""
    made = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for index, column in enumerate(columns):
        made.add_column(column, justify="right" if index in right else "left", no_wrap=True)
    return made
