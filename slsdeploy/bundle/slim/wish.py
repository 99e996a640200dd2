"""Project -> what it says about slimming its dependencies: the key `slim`, the names in its code that keep something. Part of their key."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from slsdeploy.bundle.requirements import Requirements
from slsdeploy.space import SlimMode
from slsdeploy.types import Project

_NAME = re.compile(r"\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?P<extras>\[[^\]]*\])?\s*(?P<version>[<>=!~@]?)")


@dataclass(frozen=True, slots=True)
class Asked:
    """A distribution that the project's requirements name: whether with extras, and whether with a version."""

    name: str
    has_extras: bool
    has_version: bool


@dataclass(frozen=True, slots=True)
class Wish:
    """What a project says. `named` are modules of others that its code names and a cut might take; `has_sdk`: the Python that it runs in
    brings boto3; `without` are the cuts (`name/package`) that are known to break one of its models.
    """

    mode: SlimMode
    named: frozenset[str] = frozenset()
    asked: tuple[Asked, ...] = ()
    has_sdk: bool = False
    without: frozenset[str] = frozenset()

    def describe(self) -> list[object]:
        """Return what changes when something that is left out does, as JSON holds it."""
        asked = [[each.name, each.has_extras, each.has_version] for each in self.asked]
        return [self.mode, sorted(self.named), asked, self.has_sdk, sorted(self.without)]

    def asks_for(self, name: str) -> Asked | None:
        return next((each for each in self.asked if each.name == name), None)


def read(project: Project, files: Iterable[Path], requirements: Requirements) -> Wish:
    """Return what the project says; `files` are those that ship as its code."""
    mode: SlimMode = project.config.slim
    if mode == "off":
        return Wish(mode)
    return Wish(
        mode=mode,
        named=frozenset(_named(project.root, files)),
        asked=_asked_of(requirements.wanted),
        has_sdk=project.base is None or project.base.has_runtime_client,
    )


def _named(root: Path, files: Iterable[Path]) -> Iterable[str]:
    modules = [path for path in files if path.suffix == ".py"]
    if not modules:
        return
    from slsdeploy.bundle.slim import mentions  # all cuts, which a project without code does not need

    own = {path.parts[0].removesuffix(".py") for path in modules}
    for path in modules:
        found = mentions.of((root / path).read_bytes(), path)
        yield from (name for name in found if name.partition(".")[0] not in own)


def _asked_of(lines: Iterable[str]) -> tuple[Asked, ...]:
    """Return what requirements say of distributions that a cut may take."""
    found = {each.name: each for line in lines for each in _asked(line)}
    if not found:
        return ()
    from slsdeploy.bundle.slim.cut import find_cuts  # as above

    cuttable = frozenset(name for cut in find_cuts() for name in cut.distributions)
    return tuple(found[name] for name in sorted(found.keys() & cuttable))


def _asked(line: str) -> Iterable[Asked]:
    found = _NAME.match(line.partition("#")[0])
    if found:
        name = re.sub(r"[-_.]+", "-", found["name"]).lower()
        yield Asked(name, bool(found["extras"]), bool(found["version"]))
