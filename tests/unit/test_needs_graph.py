"""Who needs whom among what is installed, and what is the project's own."""

from __future__ import annotations

import pytest

from slsdeploy.bundle import needs_graph
from slsdeploy.bundle.distributions import Distribution
from slsdeploy.types import Target

TARGET = Target("3.13", "arm64", "aarch64-manylinux_2_34")


def package(name: str, *requires: str) -> Distribution:
    return Distribution(name, "1", requires=requires)


def edges(*found: Distribution) -> dict[str, list[str]]:
    return {name: sorted(others) for name, others in needs_graph.needs(found, TARGET).items() if others}


@pytest.mark.parametrize(
    ("requirement", "holds"),
    [
        ("B>=1", True),
        ("b; python_version >= '3.13'", True),
        ("b; python_version < '3.13'", False),
        ("b; platform_machine == 'aarch64'", True),
        ("b; sys_platform == 'win32'", False),
        ("b; extra == 'more'", False),
        ("c", False),
        ("b @ https://example.com/b.whl", True),
        ("b (>=1)", True),
        ("]]]", False),
        ("b; nothing == 'x'", False),
        ("b; python_version", False),
        ("a[more]", False),
    ],
)
def test_requirements_that_hold_on_the_target(requirement: str, holds: bool) -> None:
    assert edges(package("a", requirement), package("b")) == ({"a": ["b"]} if holds else {})


def test_an_extra_counts_where_somebody_asks_for_it() -> None:
    asked = edges(package("a", "b[more]"), package("b", "c; extra == 'more'"), package("c"))
    assert asked == {"a": ["b"], "b": ["c"]}


def test_an_extra_may_be_made_of_others_of_the_same_package() -> None:
    found = edges(package("a", "b[all]"), package("b", "b[more]; extra == 'all'", "c; extra == 'more'"), package("c"))
    assert found == {"a": ["b"], "b": ["c"]}


def test_circles_end() -> None:
    assert edges(package("a", "b[x]"), package("b", "a[y]"), package("c", "c")) == {"a": ["b"], "b": ["a"]}


def test_the_projects_own_are_what_it_names_and_what_nobody_needs() -> None:
    found = needs_graph.needs([package("a", "b"), package("b", "c"), package("c"), package("d")], TARGET)
    assert needs_graph.roots(found, ["b", "elsewhere"]) == {"a", "b", "d"}


@pytest.mark.parametrize(("said", "name"), [("A.b_c[x]>=1; python_version>'3'", "a-b-c"), ("-r requirements.txt", "")])
def test_the_name_in_a_requirement(said: str, name: str) -> None:
    assert needs_graph.name_of(said) == name
