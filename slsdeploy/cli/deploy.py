"""Commands that change what is deployed, or say what is."""

from typing import Annotated

import typer

from slsdeploy.cli.options import (
    HERE,
    Engine,
    FailOn,
    Folder,
    Ignore,
    Json,
    Local,
    Locked,
    Settings,
    Stage,
    Verbose,
    app,
    example,
    gated,
    make_tools,
    make_ui,
    where,
)


@app.command(epilog=example("slsdeploy plan --stage prod"))
def plan(
    folder: Folder = HERE,
    stage: Stage = None,
    local: Local = False,
    engine: Engine = None,
    locked: Locked = False,
    fail_on: FailOn = None,
    ignore: Ignore = None,
    settings: Settings = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show what `up` would change; writes nothing."""
    from slsdeploy import app as pipeline

    ui = make_ui(as_json, verbose)
    about = gated(where(folder, stage, local, settings, engine, locked), fail_on, ignore)
    ui.show(pipeline.plan(about, make_tools(ui)))


@app.command(epilog=example("slsdeploy up samples/iris --local"))
def up(
    folder: Folder = HERE,
    stage: Stage = None,
    local: Local = False,
    engine: Engine = None,
    locked: Locked = False,
    fail_on: FailOn = None,
    ignore: Ignore = None,
    settings: Settings = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Build, publish, deploy and smoke-test.

    Prints the endpoints. Does nothing when nothing changed. The smoke test asks the new version whether its models are loaded; your own
    functions are asked by `slsdeploy invoke`.
    """
    from slsdeploy import app as pipeline

    ui = make_ui(as_json, verbose)
    about = gated(where(folder, stage, local, settings, engine, locked), fail_on, ignore)
    ui.show(pipeline.up(about, make_tools(ui)))


@app.command(epilog=example("slsdeploy status --local"))
def status(
    folder: Folder = HERE,
    stage: Stage = None,
    local: Local = False,
    settings: Settings = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Say what is deployed."""
    from slsdeploy import app as pipeline

    ui = make_ui(as_json, verbose)
    ui.show(pipeline.status(where(folder, stage, local, settings), make_tools(ui, start_local=False)))


@app.command(epilog=example("slsdeploy down --local"))
def down(
    folder: Folder = HERE,
    delete_data: Annotated[
        bool, typer.Option("--delete-data", help="also buckets and queues that are not empty")
    ] = False,
    stage: Stage = None,
    local: Local = False,
    settings: Settings = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Remove the stack and what it published.

    Buckets and queues that are not empty are kept, unless --delete-data says otherwise.
    """
    from slsdeploy import app as pipeline

    ui = make_ui(as_json, verbose)
    ui.show(pipeline.down(where(folder, stage, local, settings), make_tools(ui, start_local=False), delete_data))
