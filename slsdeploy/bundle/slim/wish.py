"""Project -> what it says about slimming its dependencies: the key `slim`, the names in its code that keep something. Part of their key."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from slsdeploy.bundle import base_choice
from slsdeploy.bundle.distributions import compared
from slsdeploy.bundle.requirements import Requirements
from slsdeploy.space import SlimMode
from slsdeploy.types import Project

_NAME = re.compile(r"\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?P<extras>\[[^\]]*\])?\s*(?P<version>[<>=!~@]?)")


@dataclass(frozen=True, slots=True)
class Asked:
    """A distribution that the project's requirements name: whether with a version."""

    name: str
    has_version: bool


@dataclass(frozen=True, slots=True)
class Wish:
    """What a project says. `named` are modules of others that its code names and a cut might take; `has_sdk`: the Python that it runs in
    brings boto3; `extras` are its requirements that have some (`name[extra]`); `without` are the cuts (`name/package`) that are known to
    break one of its models.
    """

    mode: SlimMode
    named: frozenset[str] = frozenset()
    asked: tuple[Asked, ...] = ()
    has_sdk: bool = False
    extras: tuple[str, ...] = ()
    without: frozenset[str] = frozenset()

    def describe(self) -> list[object]:
        """Return what changes when something that is left out does, as JSON holds it."""
        asked = [[each.name, each.has_version] for each in self.asked]
        return [self.mode, sorted(self.named), asked, self.has_sdk, list(self.extras), sorted(self.without)]

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
        extras=tuple(sorted(set(_extras(requirements.wanted)))),
        has_sdk=_has_sdk(project),
    )


def _has_sdk(project: Project) -> bool:
    if project.base is None or project.config.image.dockerfile:
        return base_choice.is_lambdas(project, project.config.package)
    return project.base.has_runtime_client


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
        yield Asked(compared(found["name"]), bool(found["version"]))


def _extras(lines: Iterable[str]) -> Iterable[str]:
    found = (_NAME.match(line) for line in lines)
    yield from (f"{each['name']}{each['extras']}" for each in found if each and each["extras"])
