"""What is made of a project -> what a person reads: a model's signature, the bundle, what is pinned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.markup import escape
from rich.padding import Padding

from slsdeploy import targets
from slsdeploy.printable import size
from slsdeploy.results.prepare import Built, Initialised, Inspected, Locked
from slsdeploy.views import space
from slsdeploy.views.tables import make_table


def inspected(result: Inspected) -> Iterator[RenderableType]:
    """Show a model: its signature as a table, then the rest."""
    table = make_table("", "name", "datatype", "shape")
    for kind, tensors in (("input", result.inputs), ("output", result.outputs)):
        for tensor in tensors:
            shape = " × ".join("any" if length < 0 else str(length) for length in tensor["shape"]) or "scalar"
            table.add_row(f"[dim]{kind}[/]", escape(tensor["name"]), tensor["datatype"], shape)
    yield f"[bold]{result.format}[/], opset {result.opset}, {size(result.bytes)}, sha256 {result.digest[:12]}"
    yield table
    yield f"[dim]operators[/] {', '.join(result.operators)}"
    yield from (f"[dim]·[/] {escape(note)}" for note in result.notes)


def built(result: Built) -> Iterator[RenderableType]:
    """Show the bundle: what is in it and what it weighs."""
    table = make_table("part", "files", "unzipped", "zipped", "digest", right=(1, 2, 3))
    for part in result.parts:
        table.add_row(
            part["name"], str(part["files"]), size(part["bytes"]), size(part["compressed_bytes"]), part["digest"][:12]
        )
    limit = size(targets.find(result.package).LIMIT)
    yield f"[bold]{result.package}[/] bundle {result.digest[:12]}, {size(result.unzipped_bytes)} of {limit} unzipped"
    yield table
    yield from space.shown(result.space, result.slimmed)
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
    table = make_table(
        "", "candidate", "session", "first", "warm", "resident", "bytes", "difference", right=(2, 3, 4, 5, 6, 7)
    )
    for row in model["candidates"]:
        mark = "[green]✓[/]" if row["candidate"] == model["preparation"] else "[red]✗[/]" if row["dropped"] else ""
        times = (f"{row[key]:.1f} ms" if row[key] else "-" for key in ("session_ms", "first_ms", "warm_ms"))
        memory = f"{row['resident_mb']:.0f} MB" if row["resident_mb"] else "-"
        table.add_row(mark, row["candidate"], *times, memory, size(row["bytes"]), f"{row['difference']:.1g}")
    yield Padding(table, (0, 0, 0, 2))


def locked(result: Locked) -> Iterator[RenderableType]:
    """Show what is pinned."""
    for model in result.models:
        version = f", version {model['version']}" if model["version"] else ""
        yield f"{escape(model['uri'])}{escape(version)}, {size(model['bytes'])}, sha256 {model['digest'][:12]}"
    if result.image:
        yield f"{escape(result.image['base'])} for {result.image['architecture']}, {result.image['digest']}"
    for layer in result.layers:
        yield f"{escape(layer['arn'])}, {size(layer['unzipped_bytes'])} unzipped"
    yield f"{len(result.requirements)} packages [dim]in[/] {escape(result.path)}"


def initialised(result: Initialised) -> Iterator[RenderableType]:
    """Show which files were written and what comes next."""
    yield f"[green]✓[/] wrote {escape(', '.join(result.files))} in {escape(result.path)}"
    yield "next:"
    yield from (f"  [bold]{escape(command)}[/]" for command in result.next)


VIEWS = {Inspected: inspected, Built: built, Locked: locked, Initialised: initialised}
