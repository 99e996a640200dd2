"""Which candidate ships, given what was measured: clearly faster, and at no price."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slsdeploy.bundle.prepare.choosing import can_be_beaten, choose
from slsdeploy.types import Measured

PLAIN = Measured("plain", session_ms=190, first_ms=10, warm_ms=6, resident_mb=180, bytes=90_000_000)
EXTERNAL = replace(PLAIN, candidate="external", session_ms=60, resident_mb=100)


def test_what_is_clearly_faster_ships() -> None:
    assert choose([PLAIN, EXTERNAL]) == "external"


@pytest.mark.parametrize(
    "changed",
    [
        replace(EXTERNAL, session_ms=171),  # a tenth of 200 is 20
        replace(EXTERNAL, warm_ms=6.7),
        replace(EXTERNAL, resident_mb=190),
        replace(EXTERNAL, dropped="y differs by up to 3"),
    ],
    ids=["hardly faster", "slower when warm", "larger", "wrong"],
)
def test_what_has_a_price_does_not(changed: Measured) -> None:
    assert choose([PLAIN, changed]) == "plain"


@pytest.mark.parametrize(
    "changed",
    [replace(EXTERNAL, session_ms=169), replace(EXTERNAL, warm_ms=6.5), replace(EXTERNAL, resident_mb=185)],
    ids=["fast enough", "noise when warm", "noise in memory"],
)
def test_noise_is_no_price(changed: Measured) -> None:
    assert choose([PLAIN, changed]) == "external"


def test_small_models_ship_as_they_are() -> None:
    small = replace(PLAIN, session_ms=4, first_ms=0.9)
    assert not can_be_beaten(small)
    assert choose([small, replace(small, candidate="external", session_ms=0.0, first_ms=0.0)]) == "plain"


def test_each_candidate_must_beat_the_one_before() -> None:
    frozen = replace(EXTERNAL, candidate="frozen", session_ms=58)
    assert choose([PLAIN, EXTERNAL, frozen]) == "external"
    assert choose([PLAIN, EXTERNAL, replace(frozen, session_ms=30)]) == "frozen"
    mapped = replace(EXTERNAL, candidate="mapped", session_ms=66)
    assert choose([PLAIN, mapped, EXTERNAL]) == "external"  # 70 of 76 ms: less of a difference does between these


def test_the_price_is_counted_from_the_plain_one_not_step_by_step() -> None:
    one = replace(EXTERNAL, candidate="mapped", warm_ms=6.5)
    other = replace(EXTERNAL, session_ms=20, warm_ms=6.9)  # within noise of the one before, not of the plain one
    assert choose([PLAIN, one, other]) == "mapped"
