"""Project -> the image that its own is built upon, by name, and whether one is needed.

Functions of the local AWS are processes of this machine: nothing of a base is used there, so none is asked for, unless an engine
runs them in containers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from slsdeploy import targets

if TYPE_CHECKING:
    from slsdeploy.types import Project

# The tags are Python's minor versions: https://gallery.ecr.aws/lambda/python
DEFAULT = "public.ecr.aws/lambda/python"


def named(project: Project) -> str:
    """Return the reference of the base, as the project says it."""
    return project.config.image.base or f"{DEFAULT}:{project.config.python}"


def is_lambdas(project: Project, package: str) -> bool:
    """Say whether a function so packaged runs upon Amazon Linux 2023 as Lambda has it, and not in an image of another base.

    What a Dockerfile of the project's builds upon is not looked at: it is taken for another.
    """
    said = project.config.image
    is_own = said.dockerfile or (said.base is not None and not said.base.startswith(f"{DEFAULT}:"))
    return package != targets.IMAGE or not is_own


def is_wanted(project: Project) -> bool:
    """Say whether the project's package is built upon one."""
    return project.config.package == targets.IMAGE and (not project.local or bool(project.engine))


def is_open(project: Project) -> bool:
    """Say whether a base that was not looked at decides what the function needs on AWS: it may bring Lambda's runtime client, or not."""
    is_image = project.config.package in (targets.IMAGE, targets.AUTO)
    return is_image and project.base is None and not is_lambdas(project, targets.IMAGE)
