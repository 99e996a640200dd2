"""Hashes that the project's own requirements state, and what uv resolved -> the same, with the files of those hashes alone.

uv resolves to all files of a version that an index has; a hash in requirements.txt says which of them somebody looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from slsdeploy.bundle.distributions import names
from slsdeploy.bundle.lock import Package
from slsdeploy.errors import BuildError

_KIND = "sha256"  # what the lock has
# As uv takes it: https://pip.pypa.io/en/stable/reference/requirements-file-format/#per-requirement-options
_HASH = re.compile(r"\s--hash(?:\s*=\s*|\s+)[\"']?(?P<kind>\w+):(?P<digest>[^\s\"']+)")
_COMMENT = re.compile(r"(?:^|\s)#[^\n]*?(?=\\?\n|$)")


def keep(packages: Iterable[Package], lines: Iterable[str], origin: str) -> tuple[Package, ...]:
    """Return the packages with those of their hashes that the lines of a requirements file state, where they state any.

    Raises BuildError when none of a package's is left, or those that are stated are of another kind than the lock's.
    """
    stated = _stated(lines)
    return tuple(_kept(package, stated, origin) for package in packages)


def _stated(lines: Iterable[str]) -> dict[str, set[str]]:
    """Return the hashes of each package that has any."""
    found: dict[str, set[str]] = {}
    text = _COMMENT.sub("", "\n".join(lines))
    for line in text.replace("\\\n", " ").splitlines():
        hashes = {f"{each['kind']}:{each['digest']}".lower() for each in _HASH.finditer(line)}
        for name in names([line]) if hashes else ():
            found.setdefault(name, set()).update(hashes)
    return found


def _kept(package: Package, stated: dict[str, set[str]], origin: str) -> Package:
    asked = next((stated[name] for name in names([package.requirement]) if name in stated), None)
    if asked is None:
        return package
    if not any(each.startswith(f"{_KIND}:") for each in asked):
        message = f"{package.requirement} has hashes in {origin}, but none by {_KIND}, which is what is locked"
        raise BuildError(
            message, f"state it by {_KIND}, as `pip hash` and `uv pip compile --generate-hashes` do", origin
        )
    kept = tuple(each for each in package.hashes if each in asked)
    if not kept:
        message = f"{package.requirement} is not what {origin} says: no file of it has a hash that is there"
        hint = "somebody changed the package or the index; only when that is expected, write the hashes anew"
        raise BuildError(message, hint, origin)
    return replace(package, hashes=kept)
