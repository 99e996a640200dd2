"""What every command has: the application, the options that are spelt once, and the seams made from them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from slsdeploy.app import Where
    from slsdeploy.tools import Tools
    from slsdeploy.types import Project
    from slsdeploy.ui import Ui

app = typer.Typer(
    name="slsdeploy",
    help="From a trained model to AWS Lambda.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="the project folder", show_default=False)]
Stage = Annotated[str | None, typer.Option("--stage", metavar="STAGE", help="which stage; default: dev")]
Local = Annotated[bool, typer.Option("--local", help="on the embedded AWS of this machine")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON document")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="say more: every resource, every AWS call")]
Engine = Annotated[
    Literal["docker", "podman"] | None,
    typer.Option(
        "--engine",
        help="with --local: run the image in containers of this program, with its real base; default: in processes",
        show_default=False,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="set a key of slsdeploy.toml for this run, to a TOML value or to a word without quotes; may be repeated",
    ),
]
Locked = Annotated[
    bool, typer.Option("--locked", help="refuse what slsdeploy.lock does not have, and write nothing there; for CI")
]
FailOn = Annotated[
    Literal["error", "warning", "note"] | None,
    typer.Option(
        "--fail-on", help="the least severe finding of the preflight that stops it; default: error", show_default=False
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option("--ignore", metavar="RULE", help="a rule of the preflight that is not to be run; may be repeated"),
]
HERE = Path()
UsageError: Any = typer.BadParameter.__bases__[0]  # wherever this Typer keeps its Click


def _print_version(wanted: bool) -> None:
    if wanted:
        from slsdeploy import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", help="print the version", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """From a trained model to AWS Lambda."""


def example(text: str) -> str:
    """Return what stands at the end of a command's help."""
    return f"Example: {text}"


def where(
    folder: Path,
    stage: str | None,
    local: bool,
    settings: list[str] | None,
    engine: str | None = None,
    locked: bool = False,
) -> "Where":
    """Return what a command is about."""
    from slsdeploy.app import Where

    overrides = dict(_setting(text) for text in settings or [])
    root = folder.absolute()
    return Where(root, stage, local=local, overrides=overrides, engine=engine or "", locked=locked)


def gated(about: "Where", fail_on: Literal["error", "warning", "note"] | None, ignore: list[str] | None) -> "Where":
    """Add what the preflight is to let pass."""
    from dataclasses import replace

    return replace(about, fail_on=fail_on, ignore=tuple(ignore or ()))


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise typer.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--set")
    return key.strip(), value


def make_ui(as_json: bool, verbose: bool = False) -> "Ui":
    """Return what prints."""
    from slsdeploy.ui import Ui

    return Ui(as_json=as_json, verbose=verbose)


def make_tools(ui: "Ui", start_local: bool = True) -> "Tools":
    """Put the real effects behind the seams; the local AWS is started only by commands that put something there."""
    from slsdeploy.effects.registry import OciRegistry
    from slsdeploy.effects.shell import SystemShell
    from slsdeploy.tools import Tools

    shell = SystemShell()

    def connect(project: "Project") -> Any:
        from slsdeploy.commands import command
        from slsdeploy.effects.aws import Aws
        from slsdeploy.local import daemon

        endpoint = None
        if project.local:
            endpoint = (daemon.ensure(ui) if start_local else daemon.find(command(project, "up"))).endpoint
        return Aws(project.config.region, endpoint, on_call=ui.call)

    def ecr(host: str) -> tuple[str, str]:
        from slsdeploy.effects.aws import Aws

        return Aws(host.split(".")[3], on_call=ui.call).registry_credentials()

    return Tools(shell=shell, reporter=ui, connect=connect, images=OciRegistry(shell, ecr, on_call=ui.call))
