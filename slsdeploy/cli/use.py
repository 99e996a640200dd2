"""Commands that use a function: send it an event, read its log, measure it."""

import contextlib
from typing import Annotated

import typer

from slsdeploy.cli.options import (
    HERE,
    Folder,
    Json,
    Local,
    Settings,
    Stage,
    Verbose,
    app,
    example,
    make_tools,
    make_ui,
    where,
)


@app.command(epilog=example("slsdeploy invoke --local --event flower.json"))
def invoke(
    folder: Folder = HERE,
    event: Annotated[str | None, typer.Option(metavar="FILE|-", help="the event; - for standard input")] = None,
    sample: Annotated[
        str, typer.Option(metavar="SOURCE", help="without --event: a made-up event of a trigger's type")
    ] = "direct",
    url: Annotated[
        bool, typer.Option("--url", help="POST it to the function's own URL, signed, instead of the Lambda API")
    ] = False,
    stage: Stage = None,
    local: Local = False,
    settings: Settings = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Send one event, print the answer.

    And how long it took, and whether it was a cold start. Exit code 5 when the function failed.
    """
    from slsdeploy import invoking

    ui = make_ui(as_json, verbose)
    tools = make_tools(ui, start_local=False)
    result = invoking.invoke(
        where(folder, stage, local, settings), tools, invoking.read_event(event), source=sample, over_url=url
    )
    ui.show(result)
    if result.error:
        raise typer.Exit(5)


@app.command(epilog=example("slsdeploy logs --local -f"))
def logs(
    folder: Folder = HERE,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="go on as lines come; end with Ctrl-C")] = False,
    since: Annotated[int, typer.Option(metavar="MINUTES", help="how far back to begin")] = 60,
    stage: Stage = None,
    local: Local = False,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Print the function's log."""
    from slsdeploy import app as pipeline

    if follow and as_json:
        raise typer.BadParameter("--json prints one document, and -f never ends", param_hint="-f")
    ui = make_ui(as_json)
    lines = pipeline.logs(where(folder, stage, local, settings), make_tools(ui, start_local=False), since, follow)
    if as_json:
        ui.document(
            {
                "events": [
                    {"timestamp": line.timestamp, "stream": line.stream, "message": line.message} for line in lines
                ]
            }
        )
        return
    with contextlib.suppress(KeyboardInterrupt) if follow else contextlib.nullcontext():
        for line in lines:
            ui.text(line.message)


@app.command(epilog=example("slsdeploy bench samples/iris --memory 512,1024,1769"))
def bench(
    folder: Folder = HERE,
    runs: Annotated[int, typer.Option(metavar="N", help="how many cold starts")] = 10,
    event: Annotated[str | None, typer.Option(metavar="FILE", help="the event; default: a direct one, made up")] = None,
    memory: Annotated[
        str | None, typer.Option(metavar="MB,MB,...", help="compare these memory sizes, and prices")
    ] = None,
    html: Annotated[str | None, typer.Option(metavar="FILE", help="where the waterfall page is written")] = None,
    stage: Stage = None,
    settings: Settings = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Measure cold and warm start on this machine.

    In fresh processes of the built bundle, phase by phase; writes a page with the waterfall.
    """
    from slsdeploy import bench as benching

    ui = make_ui(as_json, verbose)
    asked = benching.check(runs, event, memory, html)
    ui.show(benching.bench(where(folder, stage, True, settings), make_tools(ui), asked))
