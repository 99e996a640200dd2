"""Distributions -> who needs whom: each package's requirements that hold on the target, among what is installed. Pure.

An extra counts where an installed package asks for it. What nobody needs is the project's own: so are packages of the extras that its
requirements name, whose names a lock does not have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from slsdeploy.bundle.distributions import Distribution, names
from slsdeploy.types import Target

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}


def environment(target: Target) -> dict[str, str]:
    """Return what markers are compared with: https://packaging.python.org/en/latest/specifications/dependency-specifiers/#environment-markers."""
    return {
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": _MACHINES[target.architecture],
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "python_version": target.python,
        "python_full_version": f"{target.python}.0",
        "implementation_version": f"{target.python}.0",
        "platform_release": "",
        "platform_version": "",
    }


def needs(found: Iterable[Distribution], target: Target) -> dict[str, frozenset[str]]:
    """Return the names (as they are compared) of the installed packages that each installed package needs."""
    from packaging.utils import canonicalize_name

    installed = {each.key: each for each in found}
    where = environment(target)
    extras: dict[str, set[str]] = {name: {""} for name in installed}
    waiting = list(installed)
    edges: dict[str, set[str]] = {name: set() for name in installed}
    while waiting:
        name = waiting.pop()
        for needed in _holding(installed[name], extras[name], where):
            other = canonicalize_name(needed.name)
            if other not in installed or other == name:
                continue
            edges[name].add(other)
            if not needed.extras <= extras[other]:
                extras[other] |= needed.extras
                waiting.append(other)
    return {name: frozenset(others) for name, others in edges.items()}


def roots(edges: Mapping[str, Iterable[str]], stated: Iterable[str]) -> frozenset[str]:
    """Return what is the project's own: the packages that its requirements name, and those that nobody else needs."""
    needed = {other for others in edges.values() for other in others}
    named = {each for each in map(name_of, stated) if each in edges}
    return frozenset(named | (set(edges) - needed))


def name_of(requirement: str) -> str:
    """Return the package that a requirement names, as names are compared; "" when it is none."""
    return next(names([requirement]), "")


def _holding(of: Distribution, extras: Iterable[str], where: Mapping[str, str]) -> Iterator[Requirement]:
    from packaging.requirements import InvalidRequirement, Requirement

    for text in of.requires:
        try:
            requirement = Requirement(text)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({**where, "extra": extra}) for extra in extras):
                yield requirement
        except (InvalidRequirement, ValueError):  # foreign: nothing can be said of it
            continue
