"""Hashes that the project's own requirements state, and what uv resolved -> the same, with the files of those hashes alone.

uv resolves to all files of a version that an index has; a hash in requirements.txt says which of them somebody looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from slsdeploy.bundle import lock
from slsdeploy.bundle.distributions import names
from slsdeploy.bundle.lock import Package
from slsdeploy.errors import BuildError

_KIND = "sha256:"  # what the lock has


def keep(packages: Iterable[Package], lines: Iterable[str], origin: str) -> tuple[Package, ...]:
    """Return the packages with those of their hashes that the lines of a requirements file state, where they state any.

    Raises BuildError when none of a package's is left.
    """
    stated = _stated(lines)
    return tuple(_kept(package, stated, origin) for package in packages)


def _stated(lines: Iterable[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for package in lock.parse("\n".join(lines)):
        hashes = {each for each in package.hashes if each.startswith(_KIND)}
        for name in _names(package) if hashes else ():
            found.setdefault(name, set()).update(hashes)
    return found


def _kept(package: Package, stated: dict[str, set[str]], origin: str) -> Package:
    asked = next((stated[name] for name in _names(package) if name in stated), None)
    if asked is None:
        return package
    kept = tuple(each for each in package.hashes if each in asked)
    if not kept:
        message = f"{package.requirement} is not what {origin} says: no file of it has a hash that is there"
        hint = "somebody changed the package or the index; only when that is expected, write the hashes anew"
        raise BuildError(message, hint, origin)
    return replace(package, hashes=kept)


def _names(package: Package) -> Iterator[str]:
    yield from names([package.requirement])
