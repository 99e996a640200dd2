"""Files -> the same by the distribution that they are of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from slsdeploy.bundle.slim.installed import Installed


def by_package(installed: Installed, paths: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """Return the files of each distribution, by its name."""
    found: dict[str, set[str]] = {}
    for path in paths:
        found.setdefault(installed.owners[path], set()).add(path)
    return {name: frozenset(found[name]) for name in sorted(found)}
