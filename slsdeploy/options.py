"""The options and words that commands share. Nothing heavy is imported here: `--help` must feel instant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from slsdeploy.ui import Ui

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="the project folder", show_default=False)]
Stage = Annotated[str | None, typer.Option("--stage", metavar="STAGE", help="which stage; default: dev")]
Local = Annotated[bool, typer.Option("--local", help="on the embedded AWS of this machine")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON document")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="say more: every resource, every AWS call")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="set a key of slsdeploy.toml for this run; may be repeated"),
]
HERE = Path()


def example(text: str) -> str:
    """Return what stands at the end of a command's help."""
    return f"Example: {text}"


def open_ui(as_json: bool, verbose: bool = False) -> Ui:
    """Return what shows a command's result."""
    from slsdeploy.ui import Ui

    return Ui(as_json=as_json, verbose=verbose)
