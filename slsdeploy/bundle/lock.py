"""A lock file: what was resolved, with hashes, one section for each target, used again until the requirements change; and which
objects of S3 are the project's models, one `[[model]]` for each. What else is in it stays as it is.

It names no index: whoever builds takes the same files from the index that is configured there.
"""

from __future__ import annotations

import threading
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from slsdeploy import assets
from slsdeploy.bundle import place, toml
from slsdeploy.commands import command
from slsdeploy.config.origin import read as read_origin
from slsdeploy.errors import ProjectError
from slsdeploy.types import PinnedFile, Project, S3Object, S3Origin

FILE = "slsdeploy.lock"
_VERSION = 1
_HEADER = "# What slsdeploy resolved the requirements to, for each target. Commit it. Deleted, it is resolved anew.\n"
TARGETS = "target"
# What a table of each name is of: another of the same takes its place.
_KEYS = {
    TARGETS: ("python", "platform"),
    "image": ("base", "architecture"),
    "layer": ("arn",),
    "model": ("uri",),
    "prepared": ("model", "architecture"),
}
_turn = threading.RLock()
_held: set[Path] = set()
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Package:
    """A pinned requirement ("numpy==2.4.6") and the sha256 of each file that may be installed for it."""

    requirement: str
    hashes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """What one target gets: its Python and platform, the digest of the requirements that were resolved, the packages."""

    python: str
    platform: str
    requirements: str
    packages: tuple[Package, ...]

    @property
    def text(self) -> str:
        """The section as a requirements file with hashes."""
        lines = (" ".join([package.requirement, *_hash_options(package)]) for package in self.packages)
        return "".join(f"{line}\n" for line in lines)


def read(folder: Path) -> tuple[Section, ...]:
    """Return the sections of the folder's lock file; none when there is no file.

    Raises ProjectError when the file is damaged, as by a merge.
    """
    return read_tables(folder, TARGETS, _section)


def read_pins(folder: Path) -> tuple[S3Origin, ...]:
    """Return the models in S3 that the folder's lock file pins. Raises ProjectError as `read` does."""
    return read_tables(folder, "model", _pin)


def read_tables(folder: Path, name: str, understand: Callable[[Mapping[str, Any]], T]) -> tuple[T, ...]:
    """Return the lock file's tables of that name, as `understand` makes them of each. Raises ProjectError as `read` does."""
    with _readable():
        return tuple(understand(table) for table in _document(folder).get(name, ()))


def _document(folder: Path) -> dict[str, Any]:
    """Return all that is in the lock file, nothing when there is none. Raises ProjectError."""
    with _readable():
        try:
            document = _parse((folder / FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        if document["version"] != _VERSION:
            hint = "use the slsdeploy that wrote it, or delete it to resolve anew"
            raise ProjectError(f"{FILE} has version {document['version']}, this slsdeploy reads {_VERSION}", hint, FILE)
    return document


@lru_cache(maxsize=2)
def _parse(text: str) -> dict[str, Any]:
    """Parse once what is asked for by each who has a table in it; nobody changes the document."""
    return tomllib.loads(text)


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProjectError(f"{FILE} cannot be read: {error}", "mend or delete it: it is made again", FILE) from error


def find(sections: Iterable[Section], python: str, platform: str) -> Section | None:
    """Return the section of a target."""
    return next((item for item in sections if (item.python, item.platform) == (python, platform)), None)


def write(folder: Path, section: Section) -> None:
    """Put a section into the lock file, in place of the one of its target."""
    with changing(folder):
        others = [item for item in read(folder) if (item.python, item.platform) != (section.python, section.platform)]
        sections = sorted([*others, section], key=lambda item: (item.python, item.platform))
        put(folder, TARGETS, [_section_table(item) for item in sections])


def write_pins(folder: Path, pins: Iterable[S3Origin]) -> None:
    """Put the models in S3 into the lock file, in place of those that it pins."""
    put(folder, "model", [_pin_table(pin) for pin in sorted(pins, key=lambda pin: pin.uri)])


def put(folder: Path, name: str, tables: Sequence[Mapping[str, Any]]) -> None:
    """Put an array of tables into the lock file in place of the one of that name, and leave everything else in it as it is."""
    with changing(folder):
        others = {key: value for key, value in _document(folder).items() if key not in ("version", name)}
        arrays = sorted({**others, name: list(tables)}.items(), key=lambda item: (item[0] != TARGETS, item[0]))
        document = {"version": _VERSION, **{key: value for key, value in arrays if value}}
        assets.write_atomically(folder / FILE, f"{_HEADER}{toml.dump(document)}".encode())


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Hold the folder's lock file from reading it to writing it; others wait. Who holds it may hold it again.

    The file is the project's, and its stages may be built at once. Nothing that takes long may be in the block.
    """
    work = folder if folder.parent.name == place.WORK else folder / place.WORK
    with _turn:
        if work in _held:
            yield
            return
        with place.held(work / f".{FILE}"):
            _held.add(work)
            try:
                yield
            finally:
                _held.discard(work)


def insist(project: Project, missing: str, options: str = "") -> None:
    """Refuse what the lock file lacks, where nothing may be added to it; `options` are those of `lock` that mend it.

    Raises ProjectError with --locked.
    """
    if project.locked:
        hint = f"run `{command(project, 'lock', options)}` (with the same --set), look at what it changed in {FILE}, and commit that"
        raise ProjectError(f"--locked: {missing}", hint, FILE)


@contextmanager
def forgetting(folder: Path, pins: Set[str], sections: bool) -> Iterator[None]:
    """Take these pins (by URI), or all sections, out of the lock file, for the block to make anew; put back when that fails.

    What another stage has pinned meanwhile stays.
    """
    path = folder / FILE
    with changing(folder):
        before = path.read_bytes() if path.is_file() else None
        if before is not None and pins:
            write_pins(folder, [pin for pin in read_pins(folder) if pin.uri not in pins])
        if before is not None and sections:
            put(folder, TARGETS, ())
    try:
        yield
    except BaseException:
        if before is not None:
            _put_back(folder, before)
        raise


def _put_back(folder: Path, before: bytes) -> None:
    """Make the lock file what it was, with the tables that came since."""
    former = tomllib.loads(before.decode("utf-8"))
    with changing(folder):
        now = _document(folder)
        assets.write_atomically(folder / FILE, before)
        for name in _KEYS:
            there = former.get(name, [])
            known = [_key(name, table) for table in there]
            if came := [table for table in now.get(name, ()) if _key(name, table) not in known]:
                put(folder, name, sorted([*there, *came], key=lambda table: _key(name, table)))


def _key(name: str, table: Mapping[str, Any]) -> list[str]:
    return [table.get(key, "") for key in _KEYS[name]]


def parse(text: str) -> tuple[Package, ...]:
    """Read a requirements file with hashes, as uv writes it."""
    packages = []
    for line in text.replace("\\\n", " ").splitlines():
        words = line.split()
        if words and not words[0].startswith(("#", "-")):
            hashes = [word.removeprefix("--hash=") for word in words if word.startswith("--hash=")]
            requirement = " ".join(word for word in words if not word.startswith("--hash="))
            packages.append(Package(requirement, tuple(sorted(hashes))))
    return tuple(packages)


def _hash_options(package: Package) -> Iterable[str]:
    return (f"--hash={item}" for item in package.hashes)


def _section(table: Mapping[str, Any]) -> Section:
    packages = tuple(Package(item["requirement"], tuple(item["hashes"])) for item in table.get("package", ()))
    return Section(table["python"], table["platform"], table["requirements"], packages)


def _section_table(section: Section) -> dict[str, Any]:
    said = {"python": section.python, "platform": section.platform, "requirements": section.requirements}
    packages = [{"requirement": item.requirement, "hashes": list(item.hashes)} for item in section.packages]
    return {**said, "package": packages} if packages else said


def _pin(table: Mapping[str, Any]) -> S3Origin:
    origin = read_origin(table["uri"])
    if not isinstance(origin, S3Origin):
        raise ValueError(f"{table['uri']} is not in S3")
    files = tuple(_pinned(table, origin.bucket) for table in table["file"])
    return replace(origin, region=table["region"], files=files)


def _pinned(table: Mapping[str, Any], bucket: str) -> PinnedFile:
    found = S3Object(bucket, table["key"], table["version"], table["etag"], int(table["bytes"]))
    return PinnedFile(table["name"], found, table["sha256"])


def _pin_table(pin: S3Origin) -> dict[str, Any]:
    files = [
        {
            "name": file.name,
            "key": file.object.key,
            "version": file.object.version,
            "etag": file.object.etag,
            "bytes": file.object.bytes,
            "sha256": file.digest,
        }
        for file in pin.files
    ]
    return {"uri": pin.uri, "region": pin.region, "file": files}
