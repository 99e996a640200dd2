"""Commands of the preflight: look for what would go wrong, say what a rule means."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from slsdeploy.cli.options import (
    HERE,
    FailOn,
    Folder,
    Ignore,
    Json,
    Local,
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
    from slsdeploy.results.check import Checked
    from slsdeploy.ui import Ui


@app.command(epilog=example("slsdeploy check samples/iris --fail-on warning"))
def check(
    folder: Folder = HERE,
    format: Annotated[
        Literal["text", "json", "sarif"],
        typer.Option("--format", help="text; json, as --json; sarif, for code scanning"),
    ] = "text",
    fail_on: FailOn = None,
    ignore: Ignore = None,
    stage: Stage = None,
    local: Local = False,
    settings: Settings = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Look for all that would go wrong.

    Makes no AWS call. What only a bundle can tell waits for the first build. Exit code 2 when there is an error, 7 when only --fail-on
    (or fail_on of [check] in slsdeploy.toml) makes it one.
    """
    from slsdeploy import app as pipeline
    from slsdeploy.errors import ConfigError, ProjectError

    ui = make_ui(as_json or format != "text", verbose)
    try:
        result = pipeline.check(gated(where(folder, stage, local, settings), fail_on, ignore), make_tools(ui))
    except (ConfigError, ProjectError) as error:
        if format != "sarif" or as_json or error.where == "--ignore":
            raise
        result = pipeline.unreadable(error)
    _show(result, folder, stage or "", ui) if format == "sarif" and not as_json else ui.show(result)
    if result.exit_code:
        raise typer.Exit(result.exit_code)


def _show(result: "Checked", folder: Folder, stage: str, ui: "Ui") -> None:
    from slsdeploy import explaining, sarif

    ui.document(sarif.document(result.problems, explaining.explain_all(), folder, stage))


@app.command(epilog=example("slsdeploy explain api-timeout"))
def explain(
    rule: Annotated[
        str | None,
        typer.Argument(metavar="RULE", help="a rule of the preflight; default: list them", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what a rule of the preflight means.

    And why, how to mend it, and what trips it.
    """
    from slsdeploy import explaining
    from slsdeploy.results.check import Listed

    ui = make_ui(as_json)
    ui.show(explaining.explained(rule) if rule else Listed(explaining.explain_all()))
