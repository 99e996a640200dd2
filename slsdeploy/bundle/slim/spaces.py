"""Parts -> what takes their room: a row for each package, each model, the runtime and the project's code, the largest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from slsdeploy.bundle import tree
from slsdeploy.bundle.parts import Kept
from slsdeploy.bundle.slim import slimming
from slsdeploy.bundle.slim.owners import owner
from slsdeploy.space import Slimmed, Space
from slsdeploy.types import PartName

_OWN = {"runtime": "slsdeploy runtime", "code": "your code"}


def rows(kept: Iterable[Kept], places: Mapping[PartName, PurePosixPath], slimmed: Slimmed) -> tuple[Space, ...]:
    """Return the rows; what was left out of a package is with it, also when nothing is left of it."""
    sizes: Counter[tuple[str, str]] = Counter()
    files: Counter[tuple[str, str]] = Counter()
    for part in kept:
        owners = slimming.read(part.folder).owners if part.name == "dependencies" else {}
        for file in tree.walk(part.tree):
            row = (part.name, name_of(part.name, _inner(file.path, places[part.name]), owners))
            sizes[row] += file.bytes
            files[row] += 1
    cut_bytes, cut_files = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for cut in slimmed.cuts:
        if not cut.undone:
            cut_bytes["dependencies", cut.package] += cut.bytes
            cut_files["dependencies", cut.package] += cut.files
    found = sizes.keys() | cut_bytes.keys()
    spaces = (Space(row[1], row[0], sizes[row], files[row], cut_bytes[row], cut_files[row]) for row in found)
    return tuple(sorted(spaces, key=lambda each: (-each.bytes, -each.cut_bytes, each.name)))


def name_of(part: str, path: str, owners: Mapping[str, str]) -> str:
    """Return what a file counts for; `path` is from where its part is mounted."""
    if part == "dependencies":
        return owner(path, owners)
    return f"model {path.partition('/')[0]}" if part == "model" else _OWN[part]


def _inner(path: str, place: PurePosixPath) -> str:
    return path.removeprefix(f"{place}/")
