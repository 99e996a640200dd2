"""A lock file: what was resolved, with hashes, one section for each target; used again until the requirements change.

It names no index: whoever builds takes the same files from the index that is configured there.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slsdeploy import assets
from slsdeploy.errors import ProjectError

FILE = "slsdeploy.lock"
_VERSION = 1
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
    path = folder / FILE
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        if document["version"] != _VERSION:
            hint = "use the slsdeploy that wrote it, or delete it to resolve anew"
            raise ProjectError(f"{FILE} has version {document['version']}, this slsdeploy reads {_VERSION}", hint, FILE)
        return tuple(_section(table) for table in document.get("target", ()))
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
    text = f"{_HEADER}version = {_VERSION}\n" + "".join(_toml(item) for item in sections)
    assets.write_atomically(folder / FILE, text.encode())


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


def _toml(section: Section) -> str:
    lines = [
        "\n[[target]]\n",
        f'python = "{section.python}"\n',
        f'platform = "{section.platform}"\n',
        f'requirements = "{section.requirements}"\n',
    ]
    for package in section.packages:
        lines += ["\n[[target.package]]\n", f"requirement = {_string(package.requirement)}\n", "hashes = [\n"]
        lines += [*(f'  "{item}",\n' for item in package.hashes), "]\n"]
    return "".join(lines)


def _string(text: str) -> str:
    """Quote a requirement, whose markers may have either quote in them."""
    return (
        f"'{text}'" if '"' in text and "'" not in text else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    )
