"""A section of a lock -> the part `dependencies`: what is locked, installed, without what a function does not need."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from slsdeploy.bundle import bytecode, distributions, layout, onnxruntime_wheel, parts, prune, wheels
from slsdeploy.bundle.facts import Facts
from slsdeploy.bundle.lock import Section
from slsdeploy.bundle.parts import Kept
from slsdeploy.bundle.requirements import Requirements
from slsdeploy.tools import Tools
from slsdeploy.types import PartName, Project

NAME: PartName = "dependencies"


@dataclass(frozen=True, slots=True)
class Packages:
    """What the part is made from, and where it is mounted; `uses_tools` says that the project's code uses the tools that come with
    onnxruntime.
    """

    requirements: Requirements
    section: Section
    uses_tools: bool
    place: PurePosixPath


def key(packages: Packages, project: Project) -> str:
    """Return the part's key: the same key, the same part."""
    return layout.key(NAME, packages.place, project.target, [packages.section.text, packages.uses_tools])


def keep(packages: Packages, project: Project, tools: Tools) -> Kept:
    """Return the part, made now unless it is kept. Raises ToolError when uv or the index fails."""

    def make(tree: Path) -> Facts:
        folder = tree / packages.place
        folder.mkdir(parents=True)
        with tools.reporter.step(f"make {NAME}"):
            wheels.install(packages.section, packages.requirements, folder, project, tools)
            files = wheels.files(packages.section, packages.requirements, project, tools)
            found = distributions.read(folder, packages.section, files)
            prune.prune(folder)
            onnxruntime_wheel.slim(folder, keep_tools=packages.uses_tools)
            bytecode.add(tree, project.target, tools)
        return distributions.facts(found)

    return parts.keep(NAME, key(packages, project), make)
