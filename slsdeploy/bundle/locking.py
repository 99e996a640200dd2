"""Project -> a lock file that is complete, or that says anew what is to be had now; `slsdeploy lock`."""

from __future__ import annotations

from slsdeploy.bundle import lock, origins, place, resolution
from slsdeploy.results import Locked
from slsdeploy.tools import Tools
from slsdeploy.types import Project, S3Origin


def complete(project: Project, tools: Tools, *, models: bool, requirements: bool) -> Locked:
    """Pin the models in S3 and resolve the requirements where that is not done yet, and anew where told so.

    Raises ProjectError, BuildError and ToolError as a build does; the lock file is as it was then.
    """
    folder = origins.folder(project)
    mine = {each.origin.uri for each in project.models if isinstance(each.origin, S3Origin)} if models else set()
    with place.exclusive(project.work, tools), lock.forgetting(folder, mine, sections=requirements):
        settled = origins.settle(project, tools)
        section = resolution.settle(project, tools)
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
    )
