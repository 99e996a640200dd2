"""Commands of the embedded AWS."""

from typing import Annotated, Any

import typer

from slsdeploy.cli.options import Json, app, example, make_ui

local_app = typer.Typer(help="Start, stop, show the embedded AWS.", no_args_is_help=True)
app.add_typer(local_app, name="local")


@local_app.command("start", epilog=example("slsdeploy local start --port 4600"))
def local_start(
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="the port of its endpoint; default: a free one")
    ] = None,
    as_json: Json = False,
) -> None:
    """Start it, if it is not running."""
    from slsdeploy.local import daemon

    ui = make_ui(as_json)
    with ui.waiting("start the local AWS"):
        daemon.start(port)
    ui.show(_local_status())


@local_app.command("stop", epilog=example("slsdeploy local stop"))
def local_stop(as_json: Json = False) -> None:
    """Stop it, and all that was deployed to it.

    It keeps nothing: the next `up --local` deploys again, from what is built already.
    """
    from slsdeploy.local import daemon

    ui, pid = make_ui(as_json), daemon.status().pid
    daemon.stop()
    if pid and not as_json:
        ui.text(f"the local AWS was stopped (process {pid})\n")
    else:
        ui.show(_local_status())


@local_app.command("status", epilog=example("slsdeploy local status --json"))
def local_status(as_json: Json = False) -> None:
    """Say whether it runs, where, and what is in it.

    And what it cannot enforce or does not emulate on this machine.
    """
    make_ui(as_json).show(_local_status())


def _local_status() -> Any:
    from slsdeploy.local import daemon
    from slsdeploy.results.local import LocalStatus

    found = daemon.status()
    return LocalStatus(found.running, found.endpoint, found.pid, found.functions, found.regions, found.limits)
