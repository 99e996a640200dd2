"""Results -> what a person reads: tables and lines, one function a result. Pure; `ui.py` prints them.

One file for each of `results/`, of the same name: its VIEWS say which function shows which result. Only that one is imported.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType


def view(result: Any) -> Iterable[RenderableType]:
    """Return what to print for a command's result."""
    kind = type(result)
    shown: Iterable[RenderableType] = import_module(f"{__name__}.{kind.__module__.rpartition('.')[2]}").VIEWS[kind](
        result
    )
    return shown
