"""What `bench` makes of its measurements: medians, phases, imports, prices."""

from __future__ import annotations

import pytest

from slsdeploy.bench import imports, prices
from slsdeploy.bench.bundled import refusal
from slsdeploy.bench.imports import Module, Package
from slsdeploy.bench.phases import durations, make_phases
from slsdeploy.bench.spread import percentile, percentiles, spread
from slsdeploy.local.trial import Trial


def trial(*took: float, warm: tuple[float, ...] = (1.0,)) -> Trial:
    """Return a trial whose phases python, client, session, ready, answer took so many milliseconds."""
    moments = [10.0]
    for milliseconds in took:
        moments.append(moments[-1] + milliseconds / 1000)
    began, python, client, session, ready, answered = moments
    marks = (("client", client), ("session", session))
    return Trial(began, python, ready, answered, marks, warm, rss=50_000_000, peak=60_000_000, answer=b"{}")


def test_the_spread_of_measurements() -> None:
    assert spread([3.0, 1.0, 10.0]).rounded() == {"median": 3.0, "min": 1.0, "max": 10.0}
    assert spread([2.0, 4.0]).median == 3.0
    assert spread([7.0]).rounded() == {"median": 7.0, "min": 7.0, "max": 7.0}


@pytest.mark.parametrize(("percent", "expected"), [(0, 1.0), (50, 3.0), (90, 4.6), (99, 4.96), (100, 5.0)])
def test_a_percentile_lies_between_its_neighbours(percent: float, expected: float) -> None:
    assert percentile([5.0, 3.0, 1.0, 2.0, 4.0], percent) == pytest.approx(expected)


def test_the_percentiles_of_one_answer_are_that_answer() -> None:
    assert percentiles([2.5]) == {"p50": 2.5, "p90": 2.5, "p99": 2.5, "requests": 1}


def test_phases_follow_one_another_and_add_up() -> None:
    found = make_phases([trial(10, 20, 30, 1, 2)])
    assert [(phase.name, phase.start, round(phase.took.median, 6)) for phase in found] == [
        ("python", 0.0, 10.0),
        ("client", pytest.approx(10.0), 20.0),
        ("session", pytest.approx(30.0), 30.0),
        ("ready", pytest.approx(60.0), 1.0),
        ("answer", pytest.approx(61.0), 2.0),
    ]
    one = trial(10, 20, 30, 1, 2)
    assert sum(durations(one).values()) == pytest.approx(one.first_answer_ms) == pytest.approx(63.0)


def test_phases_are_medians_with_the_least_and_the_most() -> None:
    found = make_phases([trial(1, 1, wanted, 1, 1) for wanted in (10, 50, 20)])
    session = next(phase for phase in found if phase.name == "session")
    assert {key: round(value, 6) for key, value in session.took.rounded().items()} == {
        "median": 20.0,
        "min": 10.0,
        "max": 50.0,
    }


def test_the_weights_are_a_part_of_the_session_and_do_not_move_what_follows() -> None:
    found = make_phases([trial(10, 20, 30, 1, 2)], weights=[4.0, 6.0, 5.0])
    weights, following = found[3], found[4]
    assert (weights.name, weights.part_of, weights.took.median) == ("weights", "session", 5.0)
    assert weights.start == pytest.approx(30.0)
    assert following.start == pytest.approx(60.0)


def test_marks_of_the_same_name_are_one_phase() -> None:
    one = trial(10, 20, 30, 1, 2)
    moment = one.marks[0][1]
    twice = Trial(
        one.began,
        one.python,
        one.ready,
        one.answered,
        (("client", moment), ("session", moment + 0.01), ("engine", moment + 0.02), ("session", moment + 0.03)),
        (1.0,),
        1,
        1,
        b"",
    )
    assert {name: round(took, 6) for name, took in durations(twice).items()} == {
        "python": 10.0,
        "client": 20.0,
        "session": 20.0,
        "engine": 10.0,
        "ready": 1.0,
        "answer": 2.0,
    }


IMPORTTIME = """\
import time: self [us] | cumulative | imported package
import time:       100 |        100 |   _io
import time:       200 |        300 | site
import time:        10 |         10 |   awslambdaric.lambda_context
import time:        40 |         50 | awslambdaric
{"message": "import time: what a function prints"}
import time:         5 |          5 |   json.decoder
import time:       100 |        105 | slsdeploy_runtime.manifest
import time:         7 |          7 |     numpy._core
import time:       300 |        307 |   numpy
import time:      1000 |       1307 | slsdeploy_runtime.model
"""


def test_the_clock_of_imports_is_read_beside_what_else_is_printed() -> None:
    found = imports.parse(IMPORTTIME.splitlines())
    assert found[0] == Module("_io", 1, 100, 100)
    assert [module.name for module in found][-3:] == ["numpy._core", "numpy", "slsdeploy_runtime.model"]
    assert [module.level for module in found][-3:] == [2, 1, 0]


def test_imports_count_from_the_first_that_is_for_the_runtime() -> None:
    found = imports.since(imports.parse(IMPORTTIME.splitlines()), "slsdeploy_runtime")
    assert [module.name for module in found][:2] == ["json.decoder", "slsdeploy_runtime.manifest"]
    everything = imports.parse(IMPORTTIME.splitlines())
    assert imports.since(everything, "elsewhere") == everything
    assert imports.since([], "elsewhere") == []


def test_imports_add_up_by_package_and_nothing_twice() -> None:
    found = imports.packages(imports.since(imports.parse(IMPORTTIME.splitlines()), "slsdeploy_runtime"))
    assert found == [
        Package("slsdeploy_runtime", 1.1, 1.412),
        Package("numpy", 0.307, 0.307),
        Package("json", 0.005, 0.005),
    ]
    assert [package.document()["standard_library"] for package in found] == [False, False, True]


def test_imports_of_several_starts_are_medians() -> None:
    starts = [[Package("numpy", own, own + 1)] for own in (10.0, 30.0, 20.0)]
    assert imports.medians([*starts, [Package("json", 1.0, 1.0)]]) == [
        Package("numpy", 20.0, 21.0),
        Package("json", 1.0, 1.0),
    ]


def test_a_duration_is_billed_by_the_millisecond_that_it_began() -> None:
    # 1 GB for a second is a GB-second; a request is 20 cents a million
    assert prices.per_request(1000, 1024, "x86_64") == pytest.approx(0.0000166667 + 0.0000002)
    assert prices.per_request(999.2, 1024, "x86_64") == prices.per_request(1000, 1024, "x86_64")
    assert prices.per_request(1000.1, 1024, "x86_64") == prices.per_request(1001, 1024, "x86_64")
    assert prices.per_million(5, 512, "arm64") == pytest.approx(0.005 * 0.5 * 13.3334 + 0.20)
    assert prices.per_million(5, 512, "arm64") < prices.per_million(5, 512, "x86_64")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b'{"outputs": {}}', ""),
        (b'{"error": {"type": "BadInput", "message": "no x"}}', "no x"),
        (b'{"error": 1, "outputs": 2}', ""),
        (b'{"statusCode": 422, "body": ""}', "HTTP 422"),
        (b'{"statusCode": 200, "body": ""}', ""),
        (b"[1]", ""),
        (b"\x89PNG", ""),
    ],
)
def test_an_answer_that_is_a_refusal_is_noticed(answer: bytes, why: str) -> None:
    assert refusal(answer) == why
