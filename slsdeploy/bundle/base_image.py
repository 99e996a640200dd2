"""The image that a function's image is built upon, where one is needed (`base_choice`) -> pinned and copied, by `base_pin.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slsdeploy.bundle import base_choice

if TYPE_CHECKING:
    from slsdeploy.tools import Tools
    from slsdeploy.types import Project


def find(project: Project) -> Project:
    """Return the project with its base, if it needs one that is pinned and copied. Asks nobody.

    Raises ProjectError when the lock file is damaged.
    """
    if not base_choice.is_wanted(project):
        return project
    from slsdeploy.bundle import base_pin  # most projects need no base

    return base_pin.find(project)


def settle(project: Project, tools: Tools) -> Project:
    """Return the project with its base pinned and copied; as it is when it needs none.

    Raises ProjectError for a base that is none for Lambda, ToolError when the registry fails.
    """
    if not base_choice.is_wanted(project):
        return project
    from slsdeploy.bundle import base_pin

    return base_pin.settle(project, tools)
