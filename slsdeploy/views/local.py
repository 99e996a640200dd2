"""The embedded AWS -> what a person reads."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.markup import escape

from slsdeploy.results.local import LocalStatus
from slsdeploy.views.tables import make_table


def local_status(result: LocalStatus) -> Iterator[RenderableType]:
    """Show the embedded AWS, how to reach it with any client, and what it does not do."""
    if not result.running:
        yield "the local AWS is not running"
        return
    yield f"the local AWS is running at [bold]{result.endpoint}[/] [dim](process {result.pid})[/]"
    yield "[dim]for any AWS client:[/]"
    region = next(iter(result.regions), "us-east-1")
    keys = f"AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION={region}"
    yield f"  export AWS_ENDPOINT_URL={result.endpoint} {keys}"
    if result.functions:
        table = make_table("function", "environments", "url")
        for function in result.functions:
            table.add_row(
                str(function["name"]), str(len(function.get("environments", ()))), str(function.get("url") or "")
            )
        yield table
    for limit in result.limits:
        yield f"[dim]·[/] {escape(limit)}"


VIEWS = {LocalStatus: local_status}
