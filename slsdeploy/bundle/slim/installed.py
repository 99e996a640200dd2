"""A folder of installed packages -> what is in it: the files, the distributions that they belong to, what those need."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from slsdeploy.bundle import tree
from slsdeploy.bundle.distributions import compared, describe
from slsdeploy.bundle.needs_graph import holding, name_of, parse
from slsdeploy.bundle.slim.cut import Piece
from slsdeploy.types import Target

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_INFO = ".dist-info"


@dataclass(frozen=True, slots=True)
class Distribution:
    """An installed distribution: its name as such are compared, its .dist-info folder, its files, its requirements as it says them.

    `held` are those that hold on the target, with the extras that somebody asks for; `unread` the names in those that cannot be read.
    """

    name: str
    info: str
    files: frozenset[str]
    requires: tuple[str, ...] = ()
    unread: frozenset[str] = frozenset()
    held: tuple[Requirement, ...] = ()

    def needs(self, name: str) -> bool:
        """Say whether it needs another; of a requirement that cannot be read, that is assumed."""
        return name in self.unread or any(compared(each.name) == name for each in self.held)


@dataclass(frozen=True)
class Installed:
    """The packages in a folder. Paths have `/` and begin there."""

    root: Path
    files: Mapping[str, int]
    distributions: tuple[Distribution, ...]

    @cached_property
    def owners(self) -> Mapping[str, str]:
        """Say for each file which distribution it is of; for one that no record lists, its first folder stands in."""
        said = {path: each.name for each in self.distributions for path in each.files}
        return {path: said.get(path) or _stand_in(path) for path in self.files}

    @cached_property
    def modules(self) -> Mapping[str, str]:
        """Return the path of each module by its dotted name."""
        return {name: path for path in self.files if (name := dotted(path))}

    @cached_property
    def scripts(self) -> tuple[str, ...]:
        """Return the modules that are text, sorted."""
        return tuple(sorted(path for path in self.files if path.endswith(".py")))

    def read(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def by_package(self, paths: Iterable[str]) -> Mapping[str, frozenset[str]]:
        """Return files by the name of the distribution that they are of."""
        found: dict[str, set[str]] = {}
        for path in paths:
            found.setdefault(self.owners[path], set()).add(path)
        return {name: frozenset(found[name]) for name in sorted(found)}

    def below(self, folder: str) -> frozenset[str]:
        """Return the files below a folder."""
        return frozenset(path for path in self.files if path.startswith(f"{folder}/"))

    def without(self, pieces: Iterable[Piece]) -> Installed:
        """Return what is left without these pieces."""
        gone = frozenset[str]().union(*(piece.files for piece in pieces))
        return replace(self, files={path: size for path, size in self.files.items() if path not in gone})

    def needers(self, name: str) -> frozenset[str]:
        """Return who needs a distribution."""
        return frozenset(each.name for each in self.distributions if each.needs(name))

    def find(self, name: str) -> Distribution | None:
        return next((each for each in self.distributions if each.name == name), None)


def read(root: Path, target: Target, asked: Iterable[str] = ()) -> Installed:
    """Look at what is installed; `asked` are the project's own requirements, as far as they have extras."""
    files = {file.path: file.bytes for file in tree.walk(root)}
    infos = sorted({path.partition("/")[0] for path in files if path.partition("/")[0].endswith(_INFO)})
    found = [_distribution(root, info, files) for info in infos]
    held = holding({each.name: each.requires for each in found}, target, asked)
    return Installed(root, files, tuple(replace(each, held=held[each.name]) for each in found))


def dotted(path: str) -> str:
    """Return a file's name as a module ("" when it is none): a/b.py, a/b/__init__.py and a/b.cpython-313-x86_64-linux-gnu.so are a.b."""
    folder, _, name = path.rpartition("/")
    stem, dot, rest = name.partition(".")
    is_module = rest == "py" or (rest.split(".")[-1] in ("so", "pyd") and not name.startswith("lib"))
    if not dot or not is_module or not stem.isidentifier():
        return ""
    parts = [*folder.split("/"), stem] if folder else [stem]
    if rest == "py" and stem == "__init__":
        parts = parts[:-1]
    return ".".join(parts) if all(part.isidentifier() for part in parts) else ""


def _distribution(root: Path, info: str, files: Mapping[str, int]) -> Distribution:
    said = describe(root / info)
    own = frozenset(_recorded(root / info / "RECORD", files)) | {each for each in files if each.startswith(f"{info}/")}
    unread = frozenset(name_of(each) for each in said.requires if parse(each) is None)
    return Distribution(said.key, info, own, said.requires, unread)


def _recorded(path: Path, files: Mapping[str, int]) -> Iterator[str]:
    if path.is_file():
        with path.open(encoding="utf-8", errors="replace", newline="") as stream:
            yield from (row[0] for row in csv.reader(stream) if row and row[0] in files)


def _stand_in(path: str) -> str:
    return compared(path.partition("/")[0].removesuffix(".py").removesuffix(".libs"))
