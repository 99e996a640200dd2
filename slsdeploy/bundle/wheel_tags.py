"""A target -> the tags of the wheels that run on it; and the tags of packages that lie in the project itself.

https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path

from slsdeploy.types import Target

_MANYLINUX = re.compile(r"(?P<machine>\w+?)-manylinux_2_(?P<minor>\d+)")
_OLDEST = 5  # manylinux1
_OLD_NAMES = {5: "manylinux1", 12: "manylinux2010", 17: "manylinux2014"}
_ENDING = ".dist-info"


@dataclass(frozen=True, slots=True)
class Vendored:
    """A package that lies in the project: its name and tags, the path of what says so, and its folders (with / behind)."""

    name: str
    tags: tuple[str, ...]
    path: str
    tops: tuple[str, ...]


def supported(target: Target) -> Set[str]:
    """Return the tags, nothing for a target that is not Linux with glibc."""
    found = _MANYLINUX.fullmatch(target.platform)
    if not found:
        return frozenset()
    from packaging.tags import compatible_tags, cpython_tags

    minors = range(int(found["minor"]), _OLDEST - 1, -1)
    names = [name for minor in minors for name in (f"manylinux_2_{minor}", _OLD_NAMES.get(minor)) if name]
    platforms = [f"{name}_{found['machine']}" for name in (*names, "linux")]
    major, minor = (int(number) for number in target.python.split(".")[:2])
    tags = (
        *cpython_tags((major, minor), platforms=platforms),
        *compatible_tags((major, minor), interpreter=f"cp{major}{minor}", platforms=platforms),
    )
    return frozenset(map(str, tags))


def fits(tags: Iterable[str], known: Set[str]) -> bool:
    """Say whether a wheel with these tags is for a target; what is no tag is nobody's."""
    from packaging.tags import parse_tag

    return any(str(tag) in known for said in tags if said.count("-") == 2 for tag in parse_tag(said))


def vendored(root: Path, files: Iterable[Path]) -> Iterator[Vendored]:
    """Yield the packages beside the files that ship."""
    folders = {above for file in files for above in file.parents}
    for folder in sorted(folders):
        for said in sorted((root / folder).glob(f"*{_ENDING}/WHEEL")):
            tops = [folder / top for top in sorted(_tops(said))]
            if not tops or any(top in folders for top in tops):
                name, path = said.parent.name.partition("-")[0], said.relative_to(root).as_posix()
                yield Vendored(name, _tags(said), path, tuple(f"{top.as_posix()}/" for top in tops))


def _tops(wheel: Path) -> set[str]:
    """Return the folders that a package consists of, by its RECORD."""
    lines = _lines(wheel.with_name("RECORD"))
    tops = {line.partition("/")[0] for line in lines if "/" in line}
    return {top for top in tops if not top.endswith((_ENDING, ".data")) and top != ".."}


def _tags(wheel: Path) -> tuple[str, ...]:
    return tuple(line.partition(":")[2].strip() for line in _lines(wheel) if line.lower().startswith("tag:"))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_bytes().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
