"""Results -> what a person reads: tables and lines, one function a command. Pure; `ui.py` prints them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from slsdeploy import checks, failure, results, space_view, targets
from slsdeploy.printable import size

ACTIONS = {"add": "[green]+[/]", "modify": "[yellow]~[/]", "remove": "[red]-[/]"}
_IMPORTS = 6


def view(result: Any) -> Iterable[RenderableType]:
    """Return what to print for a command's result."""
    return VIEWS[type(result)](result)


def inspected(result: results.Inspected) -> Iterator[RenderableType]:
    """Show a model: its signature as a table, then the rest."""
    table = _table("", "name", "datatype", "shape")
    for kind, tensors in (("input", result.inputs), ("output", result.outputs)):
        for tensor in tensors:
            shape = " × ".join("any" if length < 0 else str(length) for length in tensor["shape"]) or "scalar"
            table.add_row(f"[dim]{kind}[/]", escape(tensor["name"]), tensor["datatype"], shape)
    yield f"[bold]{result.format}[/], opset {result.opset}, {size(result.bytes)}, sha256 {result.digest[:12]}"
    yield table
    yield f"[dim]operators[/] {', '.join(result.operators)}"
    yield from (f"[dim]·[/] {escape(note)}" for note in result.notes)


def built(result: results.Built) -> Iterator[RenderableType]:
    """Show the bundle: what is in it and what it weighs."""
    table = _table("part", "files", "unzipped", "zipped", "digest", right=(1, 2, 3))
    for part in result.parts:
        table.add_row(
            part["name"], str(part["files"]), size(part["bytes"]), size(part["compressed_bytes"]), part["digest"][:12]
        )
    limit = size(targets.find(result.package).LIMIT)
    yield f"[bold]{result.package}[/] bundle {result.digest[:12]}, {size(result.unzipped_bytes)} of {limit} unzipped"
    yield table
    yield from space_view.shown(result.space, result.slimmed)
    for model in result.models:
        yield from _prepared(model)
    yield f"[dim]in[/] {escape(result.path)}"
    if result.html:
        yield f"[dim]treemap[/] {escape(result.html)}"
    if result.image:
        yield from _image(result.image)


def _image(image: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Show the image's layers, and where it went."""
    layers = image["layers"]
    base = [layer for layer in layers if layer["name"] == "base"]
    upon = f" on a base of {len(base)} layers, {size(sum(layer['bytes'] for layer in base))}" if base else ""
    yield f"image [bold]{image['digest']}[/]: {len(layers) - len(base)} layers{upon}"
    for output in image["outputs"]:
        yield f"[green]✓[/] {output['type']} [bold]{escape(output['path'])}[/], {size(output['bytes'])}"
    if image["reference"]:
        there = f"{sum(layer['reused'] for layer in layers)} of {len(layers)} layers were there"
        yield f"[green]✓[/] [bold]{escape(image['reference'])}[/]: {size(image['uploaded_bytes'])} sent, {there}"


def _prepared(model: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Show how a model ships, among which candidates it was chosen."""
    quantized = f", {model['quantize']}" if model["quantized_difference"] is not None else ""
    apart = f", outputs within {model['difference']:.1g}" if model["difference"] else ""
    yield f"model [bold]{escape(model['name'])}[/] ships [bold]{model['preparation']}[/]{quantized}, {size(model['bytes'])}{apart}"
    if not model["candidates"]:
        return
    table = _table(
        "", "candidate", "session", "first", "warm", "resident", "bytes", "difference", right=(2, 3, 4, 5, 6, 7)
    )
    for row in model["candidates"]:
        mark = "[green]✓[/]" if row["candidate"] == model["preparation"] else "[red]✗[/]" if row["dropped"] else ""
        times = (f"{row[key]:.1f} ms" if row[key] else "-" for key in ("session_ms", "first_ms", "warm_ms"))
        memory = f"{row['resident_mb']:.0f} MB" if row["resident_mb"] else "-"
        table.add_row(mark, row["candidate"], *times, memory, size(row["bytes"]), f"{row['difference']:.1g}")
    yield Padding(table, (0, 0, 0, 2))


def locked(result: results.Locked) -> Iterator[RenderableType]:
    """Show what is pinned."""
    for model in result.models:
        version = f", version {model['version']}" if model["version"] else ""
        yield f"{escape(model['uri'])}{escape(version)}, {size(model['bytes'])}, sha256 {model['digest'][:12]}"
    if result.image:
        yield f"{escape(result.image['base'])} for {result.image['architecture']}, {result.image['digest']}"
    for layer in result.layers:
        yield f"{escape(layer['arn'])}, {size(layer['unzipped_bytes'])} unzipped"
    yield f"{len(result.requirements)} packages [dim]in[/] {escape(result.path)}"


def planned(result: results.Planned) -> Iterator[RenderableType]:
    """Show what would change."""
    if not result.changed:
        yield "[green]✓[/] nothing to do: what is deployed is what you have here"
        return
    for step in result.steps:
        amount = f" [dim]{size(step['bytes'])}[/]" if "bytes" in step else ""
        name = re.sub(r"-[0-9a-f]{32,64}(\.zip)?$", "", step["name"])  # keys and layers' names end in a digest
        yield f"{step['type'].replace('-', ' ')} [bold]{escape(name)}[/]{amount}"
    table = _table("", "resource", "type")
    for change in result.resources:
        table.add_row(ACTIONS[change["action"]], escape(change["logical_id"]), f"[dim]{change['type']}[/]")
    yield Padding(table, (0, 0, 0, 2))


def upped(result: results.Upped) -> Iterator[RenderableType]:
    """Show what is deployed now and how to reach it."""
    where = "the local AWS" if result.target == "local" else "AWS"
    if result.changed:
        yield (
            f"[green]✓[/] [bold]{result.stack}[/] is on {where}: version {result.version}, "
            f"{size(result.uploaded_bytes)} uploaded, {result.seconds['total']:.1f} s"
        )
    else:
        took = f"[dim]{result.seconds['total']:.1f} s[/]"
        yield f"[green]✓[/] nothing changed: [bold]{result.stack}[/] version {result.version} is on {where} {took}"
    yield from _outputs(result.outputs, result.endpoint)


def invoked(result: results.Invoked) -> Iterator[RenderableType]:
    """Show an answer, then how long it took."""
    if result.error and isinstance(result.payload, dict) and "errorType" in result.payload:
        yield f"[red]{escape(failure.read(result.payload, '').text)}[/]"
    else:
        yield escape(result.payload if isinstance(result.payload, str) else json.dumps(result.payload))
    start = f"cold start, init {result.init_ms:.0f} ms" if result.init_ms is not None else "warm"
    status = f" with {result.status_code}" if result.status_code >= 400 else ""
    told = f"[red]failed{status}[/]" if result.error else f"[dim]{result.status_code}[/]"
    yield f"{told} [dim]in {result.duration_ms:.1f} ms, {start}[/]"


def stated(result: results.Stated) -> Iterator[RenderableType]:
    """Show what is deployed."""
    yield f"[bold]{result.stack}[/] {result.status}, version {result.version}, {result.package} bundle {result.bundle_digest[:12]}"
    for name, digest in result.models.items():
        yield f"  model {escape(name)} [dim]sha256[/] {digest[:12]}"
    yield from _outputs(result.outputs, result.endpoint)
    yield f"[dim]deployed {result.deployed_at}[/]"


def downed(result: results.Downed) -> Iterator[RenderableType]:
    """Show what was removed and what was kept."""
    yield f"[green]✓[/] {result.stack} is gone" if result.removed else f"[green]✓[/] there is no stack {result.stack}"
    for physical_id in result.kept:
        yield f"  kept, there is something in it: [bold]{escape(physical_id)}[/]  [dim](--delete-data removes such things too)[/]"
    for arn, function in result.shared.items():
        name, _, number = arn.partition(":layer:")[2].rpartition(":")
        yield f"  kept, {escape(function)} uses it: the layer [bold]{escape(name)}[/], version {number}"


def local_status(result: results.LocalStatus) -> Iterator[RenderableType]:
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
        table = _table("function", "environments", "url")
        for function in result.functions:
            table.add_row(
                str(function["name"]), str(len(function.get("environments", ()))), str(function.get("url") or "")
            )
        yield table
    for limit in result.limits:
        yield f"[dim]·[/] {escape(limit)}"


def benched(result: results.Benched) -> Iterator[RenderableType]:
    """Show the phases of a cold start as a table, what the imports cost, what is warm, what the memory sizes give."""
    first, memory, warm = result.first_answer_ms, result.memory_bytes, result.warm_ms
    runs = f"{result.runs} run{'' if result.runs == 1 else 's'}"
    yield f"[bold]{escape(result.name)}[/] Python {result.python} on {result.architecture}, {result.client}, {runs}"
    table = _table("phase", "median ms", "least", "most", right=(1, 2, 3))
    for phase in result.phases:
        label = f"[dim]  of it: {phase['label']}[/]" if phase["part_of"] else phase["label"]
        table.add_row(label, *(f"{phase[key]:.1f}" for key in ("median_ms", "min_ms", "max_ms")))
    table.add_row("[bold]to the first answer[/]", *(f"[bold]{first[key]:.1f}[/]" for key in ("median", "min", "max")))
    yield table
    yield ""
    yield _imports(result.imports[:_IMPORTS])
    if result.sizes:
        yield ""
        yield _sizes(result.sizes)
    yield ""
    yield f"[dim]warm[/]     p50 {warm['p50']:.2f}, p90 {warm['p90']:.2f}, p99 {warm['p99']:.2f} ms [dim]({warm['requests']} requests)[/]"
    yield f"[dim]memory[/]   {size(int(memory['first_answer']))} resident after the first answer, {size(int(memory['peak']))} at most"
    yield from (f"[dim]·[/] {escape(note)}" for note in result.notes)
    yield f"[dim]waterfall[/] {escape(result.html)}"


def _imports(packages: Iterable[Mapping[str, Any]]) -> Table:
    """Show the costliest imports."""
    table = _table("import", "itself ms", "with its own imports", right=(1, 2))
    for package in packages:
        table.add_row(escape(package["package"]), f"{package['self_ms']:.1f}", f"{package['cumulative_ms']:.1f}")
    return table


def _sizes(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Show memory sizes; a star is behind more CPUs than this machine has."""
    columns = ("MB", "vCPU", "first ms", "p50 ms", "p99 ms", "used", "fits", "$/million", "$/million cold")
    table = _table(*columns, right=(0, 1, 2, 3, 4, 5, 7, 8))
    for row in rows:
        star = "*" if row["vcpus"] > row["simulated_vcpus"] else ""
        table.add_row(
            str(row["memory"]),
            f"{row['vcpus']:.2f}{star}",
            f"{row['first_answer_ms']:.0f}",
            f"{row['warm_ms']['p50']:.1f}",
            f"{row['warm_ms']['p99']:.1f}",
            size(row["peak_bytes"]),
            "yes" if row["fits"] else "[red]no[/]",
            f"{row['usd_per_million']:.2f}",
            f"{row['usd_per_million_cold']:.2f}",
        )
    return table


def initialised(result: results.Initialised) -> Iterator[RenderableType]:
    """Show which files were written and what comes next."""
    yield f"[green]✓[/] wrote {escape(', '.join(result.files))} in {escape(result.path)}"
    yield "next:"
    yield from (f"  [bold]{escape(command)}[/]" for command in result.next)


def _outputs(outputs: Mapping[str, str], endpoint: str) -> Iterator[RenderableType]:
    """List what one reaches the function by; what the lines above say already is left out."""
    lines = {
        name: value
        for name, value in sorted(outputs.items())
        if name not in {"Alias", "FunctionArn", "FunctionName", "Version"}
    }
    if endpoint:
        lines["AWS endpoint"] = endpoint
    width = max(map(len, lines), default=0)
    yield from (f"  [dim]{name:<{width}}[/]  {escape(value)}" for name, value in lines.items())


def _table(*columns: str, right: tuple[int, ...] = ()) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index in right else "left", no_wrap=True)
    return table


VIEWS: dict[type, Callable[[Any], Iterable[RenderableType]]] = {
    results.Inspected: inspected,
    results.Checked: checks.checked,
    results.Explained: checks.explained,
    results.Listed: checks.listed,
    results.Built: built,
    results.Locked: locked,
    results.Planned: planned,
    results.Upped: upped,
    results.Invoked: invoked,
    results.Stated: stated,
    results.Downed: downed,
    results.LocalStatus: local_status,
    results.Initialised: initialised,
    results.Benched: benched,
}
