"""A section of a lock -> the part `dependencies`: what is locked, installed, without what a function does not need."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

from slsdeploy import targets
from slsdeploy.bundle import archive, bytecode, distributions, facts, layout, parts, tree, wheels
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
        if former is not None:
            with tools.reporter.step(f"move {NAME} to {packages.place}"):
                return _move(*former, packages, draft, project, tools)
        return install(draft)

    def install(draft: Path) -> Facts:
        from slsdeploy.bundle.slim import slimming  # not needed when nothing changed

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


def are_same(one: Packages, other: Packages) -> bool:
    """Say whether the same is installed, be it at another place."""
    return (one.section.text, one.wish.describe()) == (other.section.text, other.wish.describe())


def _elsewhere(packages: Packages, project: Project) -> tuple[Kept, Packages] | None:
    """Return the same, made for another packaging target."""
    for place in sorted({targets.find(name).PLACES[NAME] for name in targets.names()} - {packages.place}):
        there = replace(packages, place=place)
        found = parts.find(NAME, key(there, project))
        if found is not None:
            return found, there
    return None


def _move(former: Kept, there: Packages, here: Packages, draft: Path, project: Project, tools: Tools) -> Facts:
    """Put the former part's files at their new place. Bytecode names the place: it is made anew."""
    from slsdeploy.bundle.slim import slimming

    _link(former.tree / there.place, draft / here.place)
    _link(former.folder / slimming.ASIDE, draft.parent / slimming.ASIDE)
    if (former.folder / slimming.FILE).is_file():
        archive.link(former.folder / slimming.FILE, draft.parent / slimming.FILE)
    bytecode.add(draft, project.target, tools)
    return {distributions.WORD: facts.read(former.facts)[distributions.WORD]}


def _link(source: Path, target: Path) -> None:
    """Link a folder's files, but for bytecode that has its source beside it."""
    for file in tree.walk(source) if source.is_dir() else ():
        if "__pycache__" not in file.path.split("/"):
            (target / file.path).parent.mkdir(parents=True, exist_ok=True)
            archive.link(source / file.path, target / file.path)
