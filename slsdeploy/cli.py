"""The commands: each parses its options, calls one function, hands the result to `ui`. Everything heavy is imported inside.

Results go to standard output; progress and messages to standard error. Errors are drawn in `__main__`.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slsdeploy import local_cli
from slsdeploy.options import HERE, Folder, Json, Local, Settings, Stage, Verbose, example
from slsdeploy.options import open_ui as _ui

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
app.add_typer(local_cli.app, name="local")

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


@app.command(epilog=example("slsdeploy init iris --model iris.onnx --trigger http"))
def init(
    folder: Folder = HERE,
    *,
    model: Annotated[Path, typer.Option(help="the model file")],
    trigger: Annotated[list[str] | None, typer.Option(help="http, s3, sqs; may be repeated; default: http")] = None,
    name: Annotated[str | None, typer.Option(help="the project's name; default: the folder's")] = None,
    as_json: Json = False,
) -> None:
    """Write a project that `up` accepts at once."""
    from slsdeploy import scaffold

    _ui(as_json).show(scaffold.init(folder, model, trigger or ["http"], name))


@app.command(epilog=example("slsdeploy inspect model.onnx"))
def inspect(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="the model file", show_default=False)],
    as_json: Json = False,
) -> None:
    """Say what a model takes and gives."""
    from slsdeploy import app as pipeline

    _ui(as_json).show(pipeline.inspect(model))


@app.command(epilog=example("slsdeploy check samples/iris"))
def check(
    folder: Folder = HERE,
    stage: Stage = None,
    local: Local = False,
    settings: Settings = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Look for all that would go wrong.

    Makes no AWS call. Exit code 2 when there is an error.
    """
    from slsdeploy import app as pipeline

    ui = _ui(as_json, verbose)
    result = pipeline.check(_where(folder, stage, local, settings), _tools(ui))
    ui.show(result)
    if any(problem["severity"] == "error" for problem in result.problems):
        raise typer.Exit(2)


@app.command(epilog=example("slsdeploy build --json | jq .unzipped_bytes"))
def build(
    folder: Folder = HERE,
    stage: Stage = None,
    local: Local = False,
    settings: Settings = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Make the bundle on disk."""
    from slsdeploy import app as pipeline

    ui = _ui(as_json, verbose)
    ui.show(pipeline.build(_where(folder, stage, local, settings), _tools(ui)))


@app.command(epilog=example("slsdeploy lock --models"))
def lock(
    folder: Folder = HERE,
    models: Annotated[bool, typer.Option("--models", help="pin the models in S3 anew: what is there now")] = False,
    requirements: Annotated[
        bool, typer.Option("--requirements", help="resolve the requirements anew: the newest that fit")
    ] = False,
    stage: Stage = None,
    local: Local = False,
    settings: Settings = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Complete slsdeploy.lock, or move what it pins.

    It is written by every build too; nothing in it changes by itself.
    """
    from slsdeploy import app as pipeline

    ui = _ui(as_json, verbose)
    ui.show(pipeline.lock(_where(folder, stage, local, settings), _tools(ui), models, requirements))


@app.command(epilog=example("slsdeploy template --format cloudformation > stack.yaml"))
def template(
    folder: Folder = HERE,
    format: Annotated[str, typer.Option("--format", metavar="sam|cloudformation", help="which of the two")] = "sam",
    stage: Stage = None,
    local: Local = False,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Print the template that would be deployed."""
    from slsdeploy import app as pipeline
    from slsdeploy import stack

    if format not in {"sam", "cloudformation"}:
        raise typer.BadParameter(f"{format!r} is not sam or cloudformation", param_hint="--format")
    ui = _ui(as_json)
    made = pipeline.template(_where(folder, stage, local, settings), _tools(ui))
    chosen = made.sam if format == "sam" else made.cloudformation
    ui.document(chosen) if as_json else ui.text(stack.to_yaml(chosen))


@app.command(epilog=example("slsdeploy plan --stage prod"))
def plan(
    folder: Folder = HERE,
    stage: Stage = None,
    local: Local = False,
    settings: Settings = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show what `up` would change; writes nothing."""
    from slsdeploy import app as pipeline

    ui = _ui(as_json, verbose)
    ui.show(pipeline.plan(_where(folder, stage, local, settings), _tools(ui)))


@app.command(epilog=example("slsdeploy up samples/iris --local"))
def up(
    folder: Folder = HERE,
    stage: Stage = None,
    local: Local = False,
    settings: Settings = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Build, publish, deploy and smoke-test.

    Prints the endpoints. Does nothing when nothing changed.
    """
    from slsdeploy import app as pipeline

    ui = _ui(as_json, verbose)
    ui.show(pipeline.up(_where(folder, stage, local, settings), _tools(ui)))


@app.command(epilog=example("slsdeploy invoke --local --event flower.json"))
def invoke(
    folder: Folder = HERE,
    event: Annotated[str | None, typer.Option(metavar="FILE|-", help="the event; - for standard input")] = None,
    sample: Annotated[
        str, typer.Option(metavar="SOURCE", help="without --event: a made-up event (direct, http, sqs)")
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

    ui = _ui(as_json, verbose)
    tools = _tools(ui, start_local=False)
    result = invoking.invoke(
        _where(folder, stage, local, settings), tools, invoking.read_event(event), source=sample, over_url=url
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
    ui = _ui(as_json)
    lines = pipeline.logs(_where(folder, stage, local, settings), _tools(ui, start_local=False), since, follow)
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

    ui = _ui(as_json, verbose)
    ui.show(pipeline.status(_where(folder, stage, local, settings), _tools(ui, start_local=False)))


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

    ui = _ui(as_json, verbose)
    ui.show(pipeline.down(_where(folder, stage, local, settings), _tools(ui, start_local=False), delete_data))


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

    ui = _ui(as_json, verbose)
    asked = benching.check(runs, event, memory, html)
    ui.show(benching.bench(_where(folder, stage, True, settings), _tools(ui), asked))


@app.command(epilog=example("slsdeploy schema > slsdeploy.schema.json"))
def schema(as_json: Json = False) -> None:
    """Print the JSON Schema of slsdeploy.toml."""
    from slsdeploy import config

    _ui(as_json).document(config.json_schema())


def _where(folder: Path, stage: str | None, local: bool, settings: list[str] | None) -> Where:
    from slsdeploy.app import Where

    overrides = dict(_setting(text) for text in settings or [])
    return Where(root=folder.absolute(), stage=stage, local=local, overrides=overrides)


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise typer.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--set")
    return key.strip(), value


def _tools(ui: Ui, start_local: bool = True) -> Tools:
    """Put the real effects behind the seams; the local AWS is started only by commands that put something there."""
    from slsdeploy.effects.shell import SystemShell
    from slsdeploy.tools import Tools

    def connect(project: Project) -> Any:
        from slsdeploy.effects.aws import Aws
        from slsdeploy.local import daemon

        endpoint = None
        if project.local:
            endpoint = (daemon.ensure(ui) if start_local else daemon.find()).endpoint
        return Aws(project.config.region, endpoint, on_call=ui.call)

    return Tools(shell=SystemShell(), reporter=ui, connect=connect)
