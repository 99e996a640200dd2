"""Benched -> one HTML page with the waterfall of a cold start. Pure.

What stands in it is waterfall.html; here are its bars. A bar is placed in percent of its track, so the page fits any width.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from slsdeploy import page_frame
from slsdeploy.bench.phases import LABELS, MEANINGS
from slsdeploy.page_frame import Tile
from slsdeploy.results.use import Benched

_PAGE = Path(__file__).with_name("waterfall.html")
_COLOURS = 10
_TOP_PACKAGES = 14
_TICKS = 6
_EDGE = 94  # percent: a label further right would stick out
_VISIBLE = 0.006  # of the width: a shorter spread is hidden by its own ends


def page(result: Benched) -> str:
    """Return the page."""
    colours = {phase["name"]: f"var(--c{i % _COLOURS})" for i, phase in enumerate(_whole(result))}
    runs = f"{result.runs} cold start{'' if result.runs == 1 else 's'}"
    return page_frame.fill(
        _PAGE,
        f"{result.name} ({result.stage}): from start to answer",
        f"Python {result.python} on {result.architecture}, {result.client}, {result.memory} MB",
        _tiles(result),
        runs=runs,
        waterfall="\n".join(_waterfall(result, colours)),
        imports="\n".join(_imports(result.imports)),
        sizes=_sizes(result.sizes),
        every="\n".join(_every(result.samples, colours)),
        legend="".join(f'<span style="--c:{colours[p["name"]]}">{escape(p["label"])}</span>' for p in _whole(result)),
        meanings="".join(_meanings(result)),
        notes=_notes(result.notes),
    )


def _whole(result: Benched) -> list[Mapping[str, Any]]:
    return [phase for phase in result.phases if not phase["part_of"]]


def _tiles(result: Benched) -> Iterator[Tile]:
    first, init, warm, memory = result.first_answer_ms, result.init_ms, result.warm_ms, result.memory_bytes
    spread = f"{first['min']:.0f} to {first['max']:.0f} ms"
    yield ("first answer", f"{first['median']:.0f} ms", spread)
    yield ("of it until ready", f"{init['median']:.0f} ms", f"{init['min']:.0f} to {init['max']:.0f} ms")
    tail = f"p90 {warm['p90']:.2f}, p99 {warm['p99']:.2f} ms; {warm['requests']} requests"
    yield ("warm answer, p50", f"{warm['p50']:.2f} ms", tail)
    peak = f"resident after the first answer; at most {memory['peak'] / 1e6:.0f} MB"
    yield ("memory", f"{memory['first_answer'] / 1e6:.0f} MB", peak)


def _waterfall(result: Benched, colours: Mapping[str, str]) -> Iterator[str]:
    # a spread may end behind the last bar
    width = max([phase["start_ms"] + phase["max_ms"] for phase in result.phases], default=1.0)
    marks = ticks(width)
    yield _axis(marks, width)
    for phase in result.phases:
        start = phase["start_ms"]
        colour = colours[phase["part_of"] or phase["name"]]
        bars = [*_lines(marks, width), _bar("bar", start, phase["median_ms"], width, colour)]
        if phase["max_ms"] - phase["min_ms"] > width * _VISIBLE:
            bars.append(_bar("spread", start + phase["min_ms"], phase["max_ms"] - phase["min_ms"], width))
        kind = "row part" if phase["part_of"] else "row"
        yield _row(kind, phase["label"], "".join(bars), _ms(phase["median_ms"]), MEANINGS.get(phase["name"], ""))


def _imports(packages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    width = max([package["cumulative_ms"] for package in packages], default=1.0) or 1.0
    for package in packages[:_TOP_PACKAGES]:
        own, total = package["self_ms"], package["cumulative_ms"]
        colour = "var(--c0)" if package["standard_library"] else "var(--c2)"
        bars = _bar("wide", 0, total, width, colour) + _bar("bar", 0, own, width, colour)
        told = f"{_ms(own)} <small>of {total:.1f}</small>"
        name = f"{package['package']} (standard library)" if package["standard_library"] else package["package"]
        yield _row(
            "row", package["package"], bars, told, f"{name}: {own:.1f} ms itself, {total:.1f} ms with what it imports"
        )
    rest = packages[_TOP_PACKAGES:]
    if rest:
        yield _row("row part", f"{len(rest)} more", "", _ms(sum(package["self_ms"] for package in rest)), "")


def _every(samples: Sequence[Mapping[str, Any]], colours: Mapping[str, str]) -> Iterator[str]:
    width = max([sample["first_answer_ms"] for sample in samples], default=1.0)
    for number, sample in enumerate(samples, 1):
        bars, start = [], 0.0
        for name, took in sample["phases_ms"].items():
            bars.append(_bar("bar", start, took, width, colours[name], f"{LABELS.get(name, name)}: {took:.1f} ms"))
            start += took
        yield _row("row", f"run {number}", "".join(bars), _ms(sample["first_answer_ms"]), "")


def _sizes(sizes: Sequence[Mapping[str, Any]]) -> str:
    if not sizes:
        return ""
    names = ("memory", "vCPU", "first answer", "warm p50", "warm p99", "used", "$ a million", "$ a million cold starts")
    head = "".join(f"<th>{name}</th>" for name in names)
    rows = "".join(_size(size) for size in sizes)
    said = "With the share of a CPU that each size buys. The price is for a million warm requests, and for a million cold starts."
    return (
        f"\n<h2>Memory sizes</h2>\n<p>{said}</p>\n"
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>\n'
    )


def _size(size: Mapping[str, Any]) -> str:
    used = f"{size['peak_bytes'] / 1e6:.0f} MB"
    cells = (
        f"{size['memory']} MB",
        f"{size['vcpus']:.2f}" + ("*" if size["vcpus"] > size["simulated_vcpus"] else ""),
        f"{size['first_answer_ms']:.0f} ms",
        f"{size['warm_ms']['p50']:.1f} ms",
        f"{size['warm_ms']['p99']:.1f} ms",
        used if size["fits"] else f'<span class="bad">{used}: too much</span>',
        f"{size['usd_per_million']:.2f}",
        f"{size['usd_per_million_cold']:.2f}",
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _meanings(result: Benched) -> Iterator[str]:
    for phase in result.phases:
        if phase["name"] in MEANINGS:
            yield f"<li><b>{escape(phase['label'])}</b>: {escape(MEANINGS[phase['name']])}</li>"


def _notes(notes: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"<h2>Notes</h2>\n<ul>{items}</ul>" if items else ""


def _row(kind: str, name: str, bars: str, value: str, hint: str) -> str:
    title = f' title="{escape(hint)}"' if hint else ""
    return (
        f'<div class="{kind}"{title}><div class="name">{escape(name)}</div><div class="track">{bars}</div>'
        f'<div class="value">{value}</div></div>'
    )


def _bar(kind: str, start: float, length: float, width: float, colour: str = "", hint: str = "") -> str:
    place = f"left:{100 * start / width:.3f}%;width:{100 * length / width:.3f}%"
    painted = f"{place};--c:{colour}" if colour else place
    title = f' title="{escape(hint)}"' if hint else ""
    return f'<div class="{kind}" style="{painted}"{title}></div>'


def _axis(marks: Sequence[float], width: float) -> str:
    places = [(tick, 100 * tick / width) for tick in marks]
    drawn = "".join(
        f'<div class="tick{" end" if place > _EDGE else ""}" style="left:{place:.3f}%">{tick:g} ms</div>'
        for tick, place in places
    )
    return (
        f'<div class="row axis"><div class="name"></div><div class="track">{drawn}</div><div class="value"></div></div>'
    )


def _lines(marks: Sequence[float], width: float) -> Iterator[str]:
    return (f'<div class="tick" style="left:{100 * tick / width:.3f}%"></div>' for tick in marks[1:])


def ticks(width: float) -> list[float]:
    """Return round numbers from 0 up to the width, some six of them."""
    step = 10.0**-4
    while True:
        for factor in (1, 2, 5):
            if width / (step * factor) <= _TICKS:
                return [step * factor * i for i in range(int(width / (step * factor)) + 1)]
        step *= 10


def _ms(value: float) -> str:
    return f"{value:.1f} ms"
