"""The project's own Dockerfile -> whether what it builds upon starts Lambda's runtime client by itself.

Read, not run: the last stage's FROM, through the stages that it names. A base that is not known is taken for one that knows nothing of
Lambda: then the client ships with the dependencies, where it does no harm, and the image starts it if nothing else is its entry point.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from slsdeploy.bundle import engine
from slsdeploy.types import Project

if TYPE_CHECKING:
    from slsdeploy.oci import Base

# https://docs.aws.amazon.com/lambda/latest/dg/python-image.html
_LAMBDAS = ("public.ecr.aws/lambda/python", "amazon/aws-lambda-python", "docker.io/amazon/aws-lambda-python")
_FROM = re.compile(
    r"^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*(?P<image>\S+)(?:[ \t]+AS[ \t]+(?P<name>\S+))?", re.MULTILINE | re.IGNORECASE
)
_BASE = re.compile(r"\$(?:BASE\b|\{BASE\b[^}]*\})")


def has_runtime_client(project: Project, base: Base) -> bool:
    """Say whether the image that is built for AWS is built upon one with the client; `base` is what the Dockerfile is told.

    Raises ProjectError when there is no such Dockerfile.
    """
    if not (engine.is_wanted(project) and project.config.image.dockerfile):
        return base.has_runtime_client
    image = _below(engine.dockerfile(project).read_text(encoding="utf-8", errors="replace"))
    if _BASE.fullmatch(image):
        return base.has_runtime_client
    name = image.partition("@")[0]
    return name.partition(":")[0] in _LAMBDAS


def _below(text: str) -> str:
    """Return what the last stage is built upon in the end, as the Dockerfile says it."""
    stages: dict[str, str] = {}
    image = ""
    for found in _FROM.finditer(text):
        image = stages.get(found["image"].lower(), found["image"])
        if found["name"]:
            stages[found["name"].lower()] = image
    return image
