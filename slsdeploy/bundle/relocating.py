"""Dependencies that were made for one packaging target -> the same at the place that another mounts them at.

What was installed, slimmed and tried is linked; only bytecode, which names its place, is made anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from slsdeploy.bundle import archive, bytecode, distributions, facts, tree
from slsdeploy.bundle.slim import slimming

if TYPE_CHECKING:
    from slsdeploy.bundle.facts import Facts
    from slsdeploy.bundle.packages import Packages
    from slsdeploy.bundle.parts import Kept
    from slsdeploy.tools import Tools
    from slsdeploy.types import Project


def move(found: tuple[Kept, Packages], wanted: Packages, draft: Path, project: Project, tools: Tools) -> Facts:
    """Put the former part's files at their new place."""
    former, there = found
    _link(former.tree / there.place, draft / wanted.place)
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
