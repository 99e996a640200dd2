"""Project -> a lock file that is complete, or that says anew what is to be had now; `slsdeploy lock`."""

from __future__ import annotations

from collections.abc import Set
from typing import Any, Literal

from slsdeploy import targets
from slsdeploy.bundle import (
    attached,
    base_image,
    base_pin,
    choosing,
    lock,
    origins,
    pipeline,
    place,
    prepare,
    resolution,
)
from slsdeploy.bundle.inputs import gather
from slsdeploy.results.prepare import Locked
from slsdeploy.tools import Tools
from slsdeploy.types import Project, S3Origin

Pinned = Literal["models", "requirements", "base"]


def complete(project: Project, tools: Tools, again: Set[Pinned]) -> Locked:
    """Pin the models in S3 and the image's base, resolve the requirements, say how models ship, where that is not done yet.

    What is named is done anew. After it, a build with --locked finds all that it needs.

    Raises ProjectError, BuildError and ToolError as a build does; the lock file is as it was then.
    """
    folder = origins.folder(project)
    with (
        place.exclusive(project.work, tools),
        lock.forgetting(folder, _models(project, again), "requirements" in again),
    ):
        if "base" in again:
            base_pin.forget(project)
        settled = pipeline.settle(project, tools)
        if any(layer.bytes is None for layer in settled.layers):
            settled = attached.settle(settled, tools, tools.connect(project))
        section = resolution.settle(settled, tools)
        inputs = gather(settled, lambda: section, lambda asked: prepare.settle(settled, asked, tools))
        if pipeline.package_of(settled, inputs) == targets.IMAGE:  # what "auto" is
            settled = base_image.settle(choosing.chosen(settled, targets.IMAGE), tools)
    pins = {each.origin.uri: each.origin for each in settled.models if isinstance(each.origin, S3Origin)}
    return Locked(
        path=str(folder / lock.FILE),
        models=[
            {
                "uri": pin.uri,
                "version": pin.files[0].object.version,
                "etag": pin.files[0].object.etag,
                "bytes": sum(file.object.bytes for file in pin.files),
                "digest": pin.digest,
            }
            for pin in pins.values()
        ],
        requirements=[package.requirement for package in section.packages],
        image=_image(settled),
        layers=[{"arn": layer.arn, "unzipped_bytes": layer.bytes} for layer in settled.layers],
        prepared=[{"model": each.model, "choice": each.choice, "digest": each.digest} for each in inputs.preparations],
    )


def _models(project: Project, again: Set[Pinned]) -> set[str]:
    """Return the URIs of the models that are pinned anew."""
    if "models" not in again:
        return set()
    return {each.origin.uri for each in project.models if isinstance(each.origin, S3Origin)}


def _image(project: Project) -> dict[str, Any] | None:
    pin = base_pin.pinned(project) if project.base else None
    return {"base": pin.base, "architecture": pin.architecture, "digest": pin.digest} if pin else None
