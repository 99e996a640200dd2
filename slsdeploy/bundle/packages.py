"""A section of a lock -> the part `dependencies`: what is locked, installed, without what a function does not need."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

from slsdeploy import targets
from slsdeploy.bundle import facts, layout, parts
from slsdeploy.bundle.facts import Facts
from slsdeploy.bundle.lock import Section
from slsdeploy.bundle.parts import Kept
from slsdeploy.bundle.requirements import Requirements
from slsdeploy.bundle.slim.wish import Wish
from slsdeploy.tools import Tools
from slsdeploy.types import PartName, Project

NAME: PartName = "dependencies"


@dataclass(frozen=True, slots=True)
class Packages:
    """What the part is made from, what the project wishes to be left out of it, and where it is mounted."""

    requirements: Requirements
    section: Section
    wish: Wish
    place: PurePosixPath


def key(packages: Packages, project: Project) -> str:
    """Return the part's key: the same key, the same part."""
    return layout.key(NAME, packages.place, project.target, [packages.section.text, packages.wish.describe()])


def keep(packages: Packages, project: Project, tools: Tools) -> Kept:
    """Return the part, made now unless it is kept; of what was installed for another place only the bytecode is made.

    Raises ToolError when uv or the index fails.
    """

    def make(draft: Path) -> Facts:
        former = _elsewhere(packages, project)
        if former is None:
            return install(draft)
        from slsdeploy.bundle import relocating  # not needed when nothing changed

        with tools.reporter.step(f"move {NAME} to {packages.place}"):
            return relocating.move(former, packages, draft, project, tools)

    def install(draft: Path) -> Facts:
        from slsdeploy.bundle import bytecode, distributions, wheels  # not needed when nothing changed
        from slsdeploy.bundle.slim import slimming

        folder = draft / packages.place
        folder.mkdir(parents=True)
        with tools.reporter.step(f"make {NAME}"):
            wheels.install(packages.section, packages.requirements, folder, project, tools)
            files = wheels.files(packages.section, packages.requirements, project, tools)
            found = distributions.read(folder, packages.section, files)
            compile = partial(bytecode.add, draft, project.target, tools)
            gone = slimming.slim(packages.wish, slimming.Workshop(folder, draft.parent, project, tools, compile))
        return distributions.facts(each for each in found if each.key not in gone)

    return parts.keep(NAME, key(packages, project), make)


def _elsewhere(wanted: Packages, project: Project) -> tuple[Kept, Packages] | None:
    """Return the same part, made for another packaging target."""
    places = {targets.find(name).PLACES[NAME] for name in targets.names()}
    for place in sorted(places - {wanted.place}):
        there = replace(wanted, place=place)
        found = parts.find(NAME, key(there, project))
        if found is not None and facts.read(found.facts) and parts.is_unchanged(found):
            return found, there
    return None


def are_same(one: Packages, other: Packages) -> bool:
    """Say whether the same is installed, be it at another place."""
    return (one.section.text, one.wish.describe()) == (other.section.text, other.wish.describe())
