"""Images as files, for those who have no registry at hand: one module for each form, named as skopeo names it.

    oci              a folder: an OCI image layout
    docker-archive   a tarball for `docker load`

`oci:PATH:TAG` says where, and under which name; without them it is in the stage's work folder. The same image is the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slsdeploy import oci
from slsdeploy.errors import ProjectError
from slsdeploy.exports import docker_archive, oci_layout

if TYPE_CHECKING:
    from slsdeploy.tools import Tools
    from slsdeploy.types import Project

WRITERS: Mapping[str, Callable[[oci.Image, Path, str, Tools], None]] = {
    "oci": oci_layout.write,
    "docker-archive": docker_archive.write,
}
_PLACES = {"oci": "image-oci", "docker-archive": "image.tar"}
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
# A drive's letter is no path of its own: oci:C:\images\iris
_WORDS = re.compile(r"(?P<form>[a-z-]+)(?::(?P<path>(?:[A-Za-z]:(?=[\\/]))?[^:]*)(?::(?P<name>.+))?)?")


@dataclass(frozen=True, slots=True)
class Export:
    """A form, a path, and the name that the image has there."""

    form: str
    path: Path
    name: str


def read(text: str, project: Project) -> Export:
    """Understand `oci[:PATH[:TAG]]` or `docker-archive[:PATH[:NAME[:TAG]]]`; a relative path is relative to where one is.

    Raises ProjectError for anything else.
    """
    found = _WORDS.fullmatch(text)
    if not found or found["form"] not in WRITERS:
        hint = "oci or docker-archive, with a path behind a colon if it is not to be in .slsdeploy: oci:iris-image"
        raise ProjectError(f'there is no --output "{text}"', hint, "--output")
    form, path, name = found["form"], found["path"], found["name"] or ""
    if form == "oci" and name and not _TAG.fullmatch(name):
        raise ProjectError(f'"{name}" is no tag', "letters, digits and . _ -, as in oci:iris-image:1.0", "--output")
    if form == "docker-archive":
        name = name or project.stack
        oci.reference(name)  # raises for what Docker would not load
        name = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
    place = Path(path).absolute() if path else project.work / _PLACES[form]
    return Export(form, place, name or "latest")


def write(export: Export, image: oci.Image, tools: Tools) -> None:
    """Put the image there, in the place of what an earlier run has put there.

    Raises ToolError when a layer of the base cannot be had, ProjectError when something else is there.
    """
    WRITERS[export.form](image, export.path, export.name, tools)
