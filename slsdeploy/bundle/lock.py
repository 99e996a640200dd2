"""A lock file: what was resolved, with hashes, one section for each target, used again until the requirements change. What else is
kept in it, others read and write here.

It names no index: whoever builds takes the same files from the index that is configured there.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from slsdeploy import assets
from slsdeploy.bundle import toml
from slsdeploy.errors import ProjectError

FILE = "slsdeploy.lock"
_VERSION = 1
T = TypeVar("T")
_HEADER = "# What slsdeploy resolved the requirements to, for each target. Commit it. Deleted, it is resolved anew.\n"


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
    return read_tables(folder, "target", _section)


def read_tables(folder: Path, name: str, understand: Callable[[Mapping[str, Any]], T]) -> tuple[T, ...]:
    """Return the lock file's tables of that name, as `understand` makes them of each. Raises ProjectError as `read` does."""
    try:
        document = tomllib.loads((folder / FILE).read_text(encoding="utf-8"))
        if document["version"] != _VERSION:
            hint = "use the slsdeploy that wrote it, or delete it to resolve anew"
            raise ProjectError(f"{FILE} has version {document['version']}, this slsdeploy reads {_VERSION}", hint, FILE)
        return tuple(understand(table) for table in document.get(name, ()))
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProjectError(f"{FILE} cannot be read: {error}", "mend or delete it: it is made again", FILE) from error


def find(sections: Iterable[Section], python: str, platform: str) -> Section | None:
    """Return the section of a target."""
    return next((item for item in sections if (item.python, item.platform) == (python, platform)), None)


def write(folder: Path, section: Section) -> None:
    """Put a section into the lock file, in place of the one of its target."""
    others = [item for item in read(folder) if (item.python, item.platform) != (section.python, section.platform)]
    sections = sorted([*others, section], key=lambda item: (item.python, item.platform))
    put(folder, "target", [_section_table(item) for item in sections])


def put(folder: Path, name: str, tables: Sequence[Mapping[str, Any]]) -> None:
    """Put an array of tables into the lock file in place of the one of that name, and leave everything else in it as it is."""
    path = folder / FILE
    before = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    others = {key: value for key, value in before.items() if key not in ("version", name)}
    arrays = sorted({**others, name: list(tables)}.items(), key=lambda item: (item[0] != "target", item[0]))
    document = {"version": _VERSION, **{key: value for key, value in arrays if value}}
    assets.write_atomically(path, f"{_HEADER}{toml.dump(document)}".encode())


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
