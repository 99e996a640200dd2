"""Distributions -> who needs whom: each package's requirements that hold on the target, among what is installed. Pure.

An extra counts where an installed package asks for it. What nobody needs is the project's own: so are packages of the extras that its
requirements name, whose names a lock does not have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from slsdeploy.bundle.distributions import Distribution, compared, names
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
    held = holding({each.key: each.requires for each in found}, target)
    return {name: frozenset(_names(of) & held.keys() - {name}) for name, of in held.items()}


def holding(
    requires: Mapping[str, Iterable[str]], target: Target, asked: Iterable[str] = ()
) -> dict[str, tuple[Requirement, ...]]:
    """Return the requirements of each installed package that hold; `asked` are the project's own, whose extras count, too."""
    where = environment(target)
    lines = {name: [each for each in map(parse, of) if each] for name, of in requires.items()}
    extras: dict[str, set[str]] = {name: {""} for name in lines}
    held: dict[str, tuple[Requirement, ...]] = {}
    _add_extras(filter(None, map(parse, asked)), extras)
    waiting = list(lines)
    while waiting:
        name = waiting.pop()
        held[name] = tuple(each for each in lines[name] if _holds(each, extras[name], where))
        waiting += _add_extras(held[name], extras)
    return held


def parse(text: str) -> Requirement | None:
    """Read a requirement; None when it is none: it is foreign, and nothing can be said of it."""
    from packaging.requirements import Requirement

    try:
        return Requirement(text)
    except ValueError:
        return None


def roots(edges: Mapping[str, Iterable[str]], stated: Iterable[str]) -> frozenset[str]:
    """Return what is the project's own: the packages that its requirements name, and those that nobody else needs."""
    needed = {other for others in edges.values() for other in others}
    named = {each for each in map(name_of, stated) if each in edges}
    return frozenset(named | (set(edges) - needed))


def name_of(requirement: str) -> str:
    """Return the package that a requirement names, as names are compared; "" when it is none."""
    return next(names([requirement]), "")


def _names(of: Iterable[Requirement]) -> set[str]:
    return {compared(each.name) for each in of}


def _add_extras(of: Iterable[Requirement], extras: Mapping[str, set[str]]) -> list[str]:
    """Add the extras that requirements ask for, also of the package itself; return the packages of which one is new."""
    more: list[str] = []
    for each in of:
        known = extras.get(compared(each.name))
        if known is not None and not each.extras <= known:
            known |= each.extras
            more.append(compared(each.name))
    return more


def _holds(requirement: Requirement, extras: Iterable[str], where: Mapping[str, str]) -> bool:
    marker = requirement.marker
    try:
        return marker is None or any(marker.evaluate({**where, "extra": extra}) for extra in extras)
    except ValueError:
        return False
