"""Installed packages -> what each says of itself (name, version, licences, wheel tags, modules, needs), and the lock of it: its hashes.

Read before `slim` removes WHEEL. A package's metadata is foreign input: what is missing or broken in it is left out, and
nothing in it stops a build. https://packaging.python.org/en/latest/specifications/core-metadata/
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from slsdeploy.bundle.facts import Facts
from slsdeploy.bundle.lock import Section

if TYPE_CHECKING:
    from email.message import Message

    from slsdeploy.bundle.wheels import Wheel

WORD = "distributions"
_ENDING = ".dist-info"
_CLASSIFIER = "License :: "
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_SEPARATORS = re.compile(r"[-_.]+")
# What people write into a field that they do not know what to say in.
_UNKNOWN = frozenset({"", "unknown", "none", "n/a", "other/proprietary license"})
# Some packages put the whole text there.
_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Distribution:
    """An installed package.

    `licences` is one SPDX expression, or one name, or the names that its classifiers have; nothing when it says none.
    `hashes` ("sha256:...") are those of all files that the lock allows for it, `wheel` and `digest` are of the one that was installed
    ("": not known). `requires` is as it says it, with markers and extras.
    """

    name: str
    version: str
    licences: tuple[str, ...] = ()
    licence_files: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    wheel: str = ""
    digest: str = ""

    @property
    def key(self) -> str:
        """The name as packages are compared by."""
        return compared(self.name)


def read(packages: Path, section: Section, wheels: Iterable[Wheel] = ()) -> tuple[Distribution, ...]:
    """Return what is installed in a folder, in the order of names; a package that is there twice is told twice.

    `wheels` are the files that it may have been installed from.
    """
    hashes, files = _hashes(section), list(wheels)
    found = (describe(folder, hashes) for folder in packages.glob(f"*{_ENDING}") if folder.is_dir())
    named = (_with_wheel(each, files) for each in found if each.key)
    return tuple(sorted(named, key=lambda each: (each.key, each.version)))


def facts(found: Iterable[Distribution]) -> Facts:
    """Return the facts that are kept beside the part."""
    return {WORD: [asdict(each) for each in found]}


def of_facts(said: Facts) -> tuple[Distribution, ...]:
    """Return what was kept beside a part."""
    return tuple(Distribution(**{name: _frozen(value) for name, value in each.items()}) for each in said.get(WORD, ()))


def names(requirements: Iterable[str]) -> Iterator[str]:
    """Yield the names in requirements, as packages are compared by; what begins with none has none."""
    for each in requirements:
        found = _NAME.match(each.strip())
        if found:
            yield compared(found.group())


def compared(name: str) -> str:
    """Return a package's name as such are compared: https://packaging.python.org/en/latest/specifications/name-normalization/."""
    return _SEPARATORS.sub("-", name).lower()


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def describe(folder: Path, hashes: Mapping[str, tuple[str, ...]] | None = None) -> Distribution:
    """Return what the package of a dist-info folder says of itself; `hashes` are the lock's, by name."""
    metadata = _headers(folder / "METADATA")
    name, _, version = os.fsencode(folder.name.removesuffix(_ENDING)).decode(errors="replace").partition("-")
    found = Distribution(
        name=_line(metadata.get("Name")) or name,
        version=_line(metadata.get("Version")) or version,
        licences=_licences(metadata),
        licence_files=_licence_files(folder, metadata),
        tags=_all(_headers(folder / "WHEEL"), "Tag"),
        modules=_modules(folder),
        requires=_all(metadata, "Requires-Dist"),
    )
    return replace(found, hashes=(hashes or {}).get(found.key, ()))


def _with_wheel(found: Distribution, wheels: Iterable[Wheel]) -> Distribution:
    """Say which file was installed, if that is sure: it has the package's tags, and the lock knows it."""
    from packaging.tags import parse_tag
    from packaging.version import Version

    try:
        tags, version = {tag for each in found.tags for tag in parse_tag(each)}, str(Version(found.version))
    except ValueError:
        return found
    for wheel in wheels:
        is_its = (wheel.name, wheel.version) == (found.key, version) and wheel.tags == tags
        if is_its and wheel.digest in found.hashes:
            return replace(found, wheel=wheel.file, digest=wheel.digest)
    return found


def _headers(path: Path) -> Message:
    from email.parser import HeaderParser  # slow to import, and not needed when nothing changed

    return HeaderParser().parsestr(_text(path))


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", errors="replace")
    except OSError:
        return ""


def _line(value: object) -> str:
    return " ".join(str(value or "").split())


def _all(metadata: Message, header: str) -> tuple[str, ...]:
    return tuple(line for line in map(_line, metadata.get_all(header, [])) if line)


def _licences(metadata: Message) -> tuple[str, ...]:
    """Return the expression (PEP 639), else the field of old, else the classifiers; the next when one says nothing."""
    stated = str(metadata.get("License-Expression") or metadata.get("License") or "").strip()
    if stated.lower() not in _UNKNOWN and len(stated) <= _LONGEST and "\n" not in stated:
        return (_line(stated),)
    names = (line.rpartition(" :: ")[2] for line in _all(metadata, "Classifier") if line.startswith(_CLASSIFIER))
    return tuple(dict.fromkeys(name for name in names if name.lower() not in {*_UNKNOWN, "osi approved"}))


def _licence_files(folder: Path, metadata: Message) -> tuple[str, ...]:
    """Return the files, relative to the dist-info folder: those that it names and has, and those of the usual names."""
    named = (f"{above}{name}" for name in _all(metadata, "License-File") for above in ("licenses/", ""))
    usual = (
        path.relative_to(folder).as_posix()
        for pattern in ("licenses/**/*", "LICEN[CS]E*", "COPYING*", "NOTICE*")
        for path in folder.glob(pattern)
    )
    return tuple(sorted({name for name in (*named, *usual) if _is_file_in(folder, name)}))


def _is_file_in(folder: Path, name: str) -> bool:
    path = PurePosixPath(name)
    try:
        return not path.is_absolute() and ".." not in path.parts and (folder / path).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _modules(folder: Path) -> tuple[str, ...]:
    """Return the names that it can be imported by: of its record's files, else what top_level.txt says."""
    names = set(_imported(_recorded(folder / "RECORD"))) or set(_text(folder / "top_level.txt").split())
    return tuple(sorted(name for name in names if name.isidentifier()))


def _recorded(path: Path) -> Iterator[PurePosixPath]:
    import csv

    try:
        for row in csv.reader(_text(path).splitlines()):
            if row and row[0]:
                yield PurePosixPath(row[0])
    except csv.Error:
        return


def _imported(files: Iterable[PurePosixPath]) -> Iterator[str]:
    for file in files:
        if len(file.parts) == 1 and file.suffix in (".py", ".so", ".pyd"):
            yield file.name.partition(".")[0]
        elif len(file.parts) > 1 and not file.parts[0].endswith((_ENDING, ".data")):
            yield file.parts[0]


def _hashes(section: Section) -> dict[str, tuple[str, ...]]:
    """Return the hashes that the lock has, by the package's name as it is compared."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    found: dict[str, tuple[str, ...]] = {}
    for package in section.packages:
        try:
            found[canonicalize_name(Requirement(package.requirement).name)] = package.hashes
        except InvalidRequirement:
            continue
    return found
