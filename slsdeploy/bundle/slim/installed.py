"""A folder of installed packages -> what is in it: the files, the distributions that they belong to, what those need."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from email.parser import HeaderParser
from functools import cached_property
from pathlib import Path

from slsdeploy.bundle import tree
from slsdeploy.bundle.slim.cut import Piece

_INFO = ".dist-info"
_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?P<extras>\[[^\]]*\])?")


@dataclass(frozen=True, slots=True)
class Need:
    """A requirement of a distribution: the distribution's name, the line, whether it is wanted with an extra only."""

    name: str
    line: str
    is_extra: bool
    has_extras: bool


@dataclass(frozen=True, slots=True)
class Distribution:
    """An installed distribution: its normalised name, its .dist-info folder, its files, what it needs."""

    name: str
    info: str
    files: frozenset[str]
    needs: tuple[Need, ...]


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

    def below(self, folder: str) -> frozenset[str]:
        """Return the files below a folder."""
        return frozenset(path for path in self.files if path.startswith(f"{folder}/"))

    def without(self, pieces: Iterable[Piece]) -> Installed:
        """Return what is left without these pieces."""
        gone = frozenset[str]().union(*(piece.files for piece in pieces))
        return replace(self, files={path: size for path, size in self.files.items() if path not in gone})

    def find(self, name: str) -> Distribution | None:
        return next((each for each in self.distributions if each.name == name), None)


def read(root: Path) -> Installed:
    """Look at what is installed."""
    files = {file.path: file.bytes for file in tree.walk(root)}
    infos = sorted({path.partition("/")[0] for path in files if path.partition("/")[0].endswith(_INFO)})
    return Installed(root, files, tuple(_distribution(root, info, files) for info in infos))


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


def normalised(name: str) -> str:
    """Return a distribution's name as they are compared by."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _distribution(root: Path, info: str, files: Mapping[str, int]) -> Distribution:
    path = root / info / "METADATA"
    head = HeaderParser().parsestr(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else None
    name = str(head["Name"] or "") if head else ""
    needs = tuple(_needs(head.get_all("Requires-Dist") or ())) if head else ()
    own = frozenset(_recorded(root / info / "RECORD", files)) | {each for each in files if each.startswith(f"{info}/")}
    return Distribution(normalised(name or info.removesuffix(_INFO).rpartition("-")[0]), info, own, needs)


def _recorded(path: Path, files: Mapping[str, int]) -> Iterator[str]:
    if path.is_file():
        with path.open(encoding="utf-8", errors="replace", newline="") as stream:
            yield from (row[0] for row in csv.reader(stream) if row and row[0] in files)


def _needs(lines: Iterable[str]) -> Iterator[Need]:
    for line in lines:
        found = _REQUIREMENT.match(str(line).strip())
        if found:
            marker = str(line).partition(";")[2]
            yield Need(normalised(found["name"]), str(line), "extra" in marker, bool(found["extras"]))


def _stand_in(path: str) -> str:
    return normalised(path.partition("/")[0].removesuffix(".py").removesuffix(".libs"))
