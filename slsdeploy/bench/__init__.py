"""`slsdeploy bench`: how long the project's bundle takes to start and to answer on this machine, in fresh processes, phase by phase.

Project -> Bundle -> trials (`local.trial`) -> phases, imports, sizes -> Benched, and a page with the waterfall.
Without `--memory` the CPU is not limited: what a phase costs is seen best undisturbed. Before what is measured there is one start
that is not, so that all find the files in the page cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slsdeploy import app, assets
from slsdeploy import bundle as building
from slsdeploy.bench import bundled, imports, sizes, waterfall
from slsdeploy.bench.asked import Asked, check
from slsdeploy.bench.bundled import Bundled
from slsdeploy.bench.imports import Package
from slsdeploy.bench.phases import Phase, durations, make_phases
from slsdeploy.bench.sizes import Size
from slsdeploy.bench.spread import percentiles, spread
from slsdeploy.bundle import place
from slsdeploy.local.trial import Ask, Trial, run
from slsdeploy.results.use import Benched
from slsdeploy.tools import Tools
from slsdeploy.types import Project

__all__ = ["Asked", "bench", "check"]

_IMPORT_RUNS = 3
_WEIGHT_READS = 3
_INIT_LIMIT_MS = 10_000  # https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that was measured, before it is put into words."""

    trials: Sequence[Trial]
    phases: Sequence[Phase]
    imports: Sequence[Package]
    sizes: Sequence[Size]


def bench(where: app.Where, tools: Tools, asked: Asked) -> Benched:
    """Build for this machine, measure, write the page. Raises BuildError when the function does not start or fails on the event."""
    project = app.open_project(replace(where, local=True), tools)
    with place.exclusive(project.work, tools, "deployment"):  # what is measured is the bundle in its place
        project = building.settle(project, tools)
        bundle = app.make_bundle(project, tools, where)
        tried = bundled.prepare(project, bundle, asked.event, tools)
        measured = _measure(tried, project, asked, tools)
    page = asked.html or project.work / "bench.html"
    result = _result(project, tried, measured, asked, page)
    assets.write_atomically(page, waterfall.page(result).encode())
    return result


def _measure(tried: Bundled, project: Project, asked: Asked, tools: Tools) -> Measured:
    ask = Ask(tried.event)
    run(tried.subject, replace(ask, warm=1))
    trials = []
    with tools.reporter.step(_plural(asked.runs, "cold start")) as task:
        for number in range(asked.runs):
            task.describe(f"{number + 1} of {asked.runs}")
            trials.append(run(tried.subject, ask))
    reads = [bundled.read_ms(tried.files) for _ in range(_WEIGHT_READS if tried.files else 0)]
    with tools.reporter.step("what the imports cost"):
        packages = [_imports(tried) for _ in range(min(_IMPORT_RUNS, asked.runs))]
    found = sizes.measure(tried, project, asked, tools)
    return Measured(trials, make_phases(trials, reads), imports.medians(packages), found)


def _imports(tried: Bundled) -> list[Package]:
    """Start once with Python's own clock of imports, which writes into the log."""
    trial = run(replace(tried.subject, options=("-X", "importtime")), Ask(tried.event, warm=1))
    return imports.packages(imports.since(imports.parse(trial.log), "slsdeploy_runtime"))


def _result(project: Project, tried: Bundled, measured: Measured, asked: Asked, page: Path) -> Benched:
    trials = measured.trials
    return Benched(
        name=project.name,
        stage=project.stage,
        python=project.target.python,
        architecture=project.target.architecture,
        client=tried.subject.client,
        runs=asked.runs,
        memory=project.config.memory,
        phases=[phase.document() for phase in measured.phases],
        imports=[package.document() for package in measured.imports],
        init_ms=spread([trial.init_ms for trial in trials]).rounded(),
        first_answer_ms=spread([trial.first_answer_ms for trial in trials]).rounded(),
        warm_ms=percentiles([took for trial in trials for took in trial.warm_ms]),
        memory_bytes=_memory(trials),
        sizes=[size.document() for size in measured.sizes],
        samples=[_sample(trial) for trial in trials],
        html=str(page),
        notes=_notes(tried, measured),
    )


def _memory(trials: Sequence[Trial]) -> Mapping[str, float]:
    return {
        "first_answer": int(spread([trial.rss for trial in trials]).median),
        "peak": int(spread([trial.peak for trial in trials]).median),
    }


def _sample(trial: Trial) -> dict[str, Any]:
    return {
        "phases_ms": {name: round(took, 3) for name, took in durations(trial).items()},
        "first_answer_ms": round(trial.first_answer_ms, 3),
        "memory_bytes": {"first_answer": trial.rss, "peak": trial.peak},
    }


def _notes(tried: Bundled, measured: Measured) -> list[str]:
    notes = [*sizes.notes(measured.sizes)]
    refused = bundled.refusal(measured.trials[-1].answer)
    if refused:
        notes.append(f"what was measured is a refusal of the event ({refused}): give one that it takes with --event")
    slow = spread([trial.init_ms for trial in measured.trials]).median
    if slow > _INIT_LIMIT_MS:
        notes.append(f"the start takes {slow / 1000:.1f} s; Lambda's init phase has 10 s")
    return notes


def _plural(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
