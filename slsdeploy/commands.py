"""Project + what is to be done -> the command as it is typed here, for hints: the folder, the stage and --local are those of the project.

A hint that leaves out --local or the stage sends who follows it to another stack: `down` would remove that one.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from slsdeploy.config.given import ENVIRONMENT
from slsdeploy.config.loading import DEFAULT_STAGE
from slsdeploy.types import Project


def command(project: Project, verb: str, options: str = "") -> str:
    """Return "slsdeploy up samples/iris --local --stage prod"; what is so anyhow is left out."""
    usual = os.environ.get(f"{ENVIRONMENT}STAGE") or DEFAULT_STAGE
    stage = f"--stage {shlex.quote(project.stage)}" if project.stage != usual else ""
    words = ["slsdeploy", verb, _folder(project.root), options, "--local" if project.local else "", stage]
    return " ".join(filter(None, words))


def _folder(root: Path) -> str:
    """Return "" for the working directory, the path from there for what is in it."""
    try:
        here = Path.cwd()
    except OSError:  # it was removed
        return shlex.quote(str(root))
    inside = root.relative_to(here) if root.is_relative_to(here) else root
    return "" if root == here else shlex.quote(str(inside))
