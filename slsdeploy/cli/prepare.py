"""Commands that look at a project or make something of it on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slsdeploy.cli.options import (
    HERE,
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

if TYPE_CHECKING:
    from slsdeploy.bundle.locking import Pinned


@app.command(epilog=example("slsdeploy init iris --model iris.onnx --trigger http"))
def init(
    folder: Folder = HERE,
    *,
    model: Annotated[Path, typer.Option(help="the model file")],
    trigger: Annotated[
        list[str] | None, typer.Option(help="http, s3, sqs, sns, ...; may be repeated; default: http")
    ] = None,
    name: Annotated[str | None, typer.Option(help="the project's name; default: the folder's")] = None,
    as_json: Json = False,
) -> None:
    """Write a project that `up` accepts at once."""
    from slsdeploy import scaffold

    make_ui(as_json).show(scaffold.init(folder, model, trigger or ["http"], name))


@app.command(epilog=example("slsdeploy inspect model.onnx"))
def inspect(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="the model file", show_default=False)],
    as_json: Json = False,
) -> None:
    """Say what a model takes and gives."""
    from slsdeploy import app as pipeline

    make_ui(as_json).show(pipeline.inspect(model))


@app.command(epilog=example("slsdeploy build --push localhost:5000/iris:1.0"))
def build(
    folder: Folder = HERE,
    push: Annotated[
        str,
        typer.Option(
            metavar="HOST/REPOSITORY[:TAG]",
            help="push the image to a registry; the tag is written last; default: latest",
        ),
    ] = "",
    output: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FORM[:PATH[:NAME]]",
            help="write the image: oci, a folder with an OCI layout, or docker-archive, a tarball for `docker load`; may be repeated; "
            "default: in .slsdeploy",
        ),
    ] = None,
    html: Annotated[
        str, typer.Option(metavar="FILE", help="write a page that shows what takes the space, as nested rectangles")
    ] = "",
    locked: Locked = False,
    fail_on: FailOn = None,
    ignore: Ignore = None,
    stage: Stage = None,
    local: Local = False,
    settings: Settings = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Make the bundle on disk; its image in a registry or in files, too, when told so."""
    from slsdeploy import app as pipeline

    ui = make_ui(as_json, verbose)
    about = gated(where(folder, stage, local, settings, locked=locked), fail_on, ignore)
    ui.show(pipeline.build(about, make_tools(ui), push, output or (), html))


@app.command(epilog=example("slsdeploy lock --models"))
def lock(
    folder: Folder = HERE,
    models: Annotated[bool, typer.Option("--models", help="pin the models in S3 anew: what is there now")] = False,
    requirements: Annotated[
        bool, typer.Option("--requirements", help="resolve the requirements anew: the newest that fit")
    ] = False,
    base: Annotated[bool, typer.Option("--base", help="pin the image's base anew: what its tag names now")] = False,
    upgrade: Annotated[bool, typer.Option("--upgrade", help="all of these")] = False,
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

    ui = make_ui(as_json, verbose)
    told: dict[Pinned, bool] = {"models": models, "requirements": requirements, "base": base}
    again = {name for name, is_told in told.items() if is_told or upgrade}
    ui.show(pipeline.lock(where(folder, stage, local, settings), make_tools(ui), again))


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
    ui = make_ui(as_json)
    made = pipeline.template(where(folder, stage, local, settings), make_tools(ui))
    chosen = made.sam if format == "sam" else made.cloudformation
    ui.document(chosen) if as_json else ui.text(stack.to_yaml(chosen))


@app.command(epilog=example("slsdeploy schema > slsdeploy.schema.json"))
def schema(as_json: Json = False) -> None:
    """Print the JSON Schema of slsdeploy.toml."""
    from slsdeploy import config

    make_ui(as_json).document(config.json_schema())
