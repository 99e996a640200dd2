"""The page with the waterfall: well formed, complete, and nothing in it comes from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from rich.console import Console

from slsdeploy.bench import waterfall
from slsdeploy.results.use import Benched
from slsdeploy.views import view

VOID = {"meta", "link", "img", "br", "hr", "input", "wbr"}


class Checked(HTMLParser):
    """Reads a page, and fails on a tag that is not closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.attributes += [(name, value or "") for name, value in attributes]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text.append(data)

    @property
    def said(self) -> str:
        return " ".join(" ".join(self.text).split())


def benched(**changed: Any) -> Benched:
    def phase(name: str, label: str, start: float, took: float, part_of: str | None = None) -> dict[str, Any]:
        named = {"name": name, "label": label, "part_of": part_of, "start_ms": start}
        return {**named, "median_ms": took, "min_ms": took - 1, "max_ms": took + 9}

    values: dict[str, Any] = {
        "name": "iris",
        "stage": "dev",
        "python": "3.13",
        "architecture": "x86_64",
        "client": "awslambdaric",
        "runs": 2,
        "memory": 1769,
        "phases": [
            phase("python", "process start", 0, 12),
            phase("session", "session built", 12, 40),
            phase("weights", "weights read", 12, 7, "session"),
            phase("answer", "first answer", 52, 3),
        ],
        "imports": [
            {"package": f"package{i}", "standard_library": i > 5, "self_ms": 30.0 - i, "cumulative_ms": 40.0 - i}
            for i in range(20)
        ],
        "init_ms": {"median": 52.0, "min": 50.0, "max": 61.0},
        "first_answer_ms": {"median": 55.0, "min": 53.0, "max": 64.0},
        "warm_ms": {"p50": 1.25, "p90": 2.5, "p99": 9.75, "requests": 200},
        "memory_bytes": {"first_answer": 56_000_000, "peak": 61_000_000},
        "sizes": [],
        "samples": [
            {"phases_ms": {"python": 12.0, "session": 40.0, "answer": 3.0}, "first_answer_ms": 55.0},
            {"phases_ms": {"python": 11.0, "session": 44.0, "answer": 3.5}, "first_answer_ms": 58.5},
        ],
        "html": "/project/.slsdeploy/dev-local/bench.html",
        "notes": ["prices: https://aws.amazon.com/lambda/pricing/"],
    }
    return Benched(**{**values, **changed})


def size(memory: int, **changed: Any) -> dict[str, Any]:
    return {
        "memory": memory,
        "vcpus": memory / 1769,
        "simulated_vcpus": min(memory / 1769, 2),
        "cpu_limit": "cgroup",
        "init_ms": 200.0,
        "first_answer_ms": 202.0,
        "warm_ms": {"p50": 1.5, "p99": 8.0},
        "peak_bytes": 61_000_000,
        "fits": True,
        "architecture": "arm64",
        "usd_per_million": 0.21,
        "usd_per_million_cold": 4.5,
        **changed,
    }


def test_the_page_is_well_formed_and_shows_every_phase_and_run() -> None:
    said = Checked(waterfall.page(benched())).said
    for word in (
        "process start",
        "session built",
        "weights read",
        "first answer",
        "run 1",
        "run 2",
        "55 ms",
        "1.25 ms",
    ):
        assert word in said
    assert "package0" in said and "6 more" in said and "package19" not in said
    assert "Memory sizes" not in said


def test_nothing_on_the_page_comes_from_elsewhere() -> None:
    page = waterfall.page(benched(sizes=[size(512)]))
    assert not {name for name, _ in Checked(page).attributes} & {"src", "href", "srcset", "data", "onclick"}
    assert not re.search(r"<script|<link|<img|@import|url\(|@font-face", page)


def test_a_bar_starts_where_the_one_before_it_ended() -> None:
    bars = re.findall(r'class="bar" style="left:([\d.]+)%;width:([\d.]+)%', waterfall.page(benched()))[:4]
    (_, python), (session, took), (weights, _), (answer, _) = [(float(a), float(b)) for a, b in bars]
    assert session == pytest.approx(python, abs=0.01) == pytest.approx(weights, abs=0.01)
    assert answer == pytest.approx(session + took, abs=0.01)
    # the chart ends with the longest spread: 52 + 12 ms
    assert python == pytest.approx(100 * 12 / 64, abs=0.01)


def test_what_a_project_is_called_is_text_not_markup() -> None:
    page = waterfall.page(benched(name="<b>&$iris</b>", notes=["a < b"]))
    assert "<b>&$iris" not in page and Checked(page).said.startswith("<b>&$iris</b> (dev)")


def test_memory_sizes_are_a_table_that_says_what_does_not_fit() -> None:
    sizes = [size(128, fits=False, peak_bytes=180_000_000), size(5000)]
    said = Checked(waterfall.page(benched(sizes=sizes))).said
    assert "180 MB: too much" in said and "2.83*" in said and "0.07*" not in said


@pytest.mark.parametrize("width", [0.004, 0.9, 7.0, 99.0, 1234.0, 98_765.0])
def test_the_axis_has_round_numbers(width: float) -> None:
    ticks = waterfall.ticks(width)
    assert 3 <= len(ticks) <= 7 and ticks[0] == 0 and ticks[-1] <= width
    assert len(f"{ticks[1]:g}".replace(".", "").strip("0")) == 1


def test_the_table_fits_a_narrow_terminal() -> None:
    console = Console(width=80, no_color=True, highlight=False, soft_wrap=False)
    with console.capture() as capture:
        for part in view(benched(sizes=[size(512), size(10_240)])):
            console.print(part)
    table = [line for line in capture.get().splitlines() if "·" not in line]
    assert max(map(len, table)) <= 80
    assert any(
        line.startswith("to the first answer") and line.split()[-3:] == ["55.0", "53.0", "64.0"] for line in table
    )
    assert any(line.split()[:2] == ["10240", "5.79*"] for line in table)
