"""Project -> Bundle, top to bottom: gather what it is made from, stop if nothing changed, make the parts, check, pack.

Finding out that nothing changed costs a look at the project's files. What has to be made is made once per user and kept (`parts`).
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

from slsdeploy import assets, targets
from slsdeploy.bundle import attached, base_image, choosing, disk, limits, origins, place, prepare, record, resolution
from slsdeploy.bundle import packages as installed
from slsdeploy.bundle.inputs import Inputs, gather
from slsdeploy.errors import ProjectError

if TYPE_CHECKING:
    from slsdeploy.bundle.prepare import Ingredients
    from slsdeploy.tools import Cloud, Tools
    from slsdeploy.types import Bundle, Preparation, Project


def build(project: Project, tools: Tools) -> Bundle:
    """Make the bundle of a project as `settle` returns it, or find that the last one still is it.

    Raises ProjectError when the project's files do not fit, BuildError when no bundle can be made from them, ToolError when
    uv, the package index or the target's Python fails, or the disk is full.
    """
    with _disk_is_ours(project):
        inputs, why = _gather(project, tools), ""
        with place.exclusive(project.work, tools):
            if project.config.package == targets.AUTO:
                project, inputs, why = _choose(project, inputs, tools)
            bundle = _last_made(project, inputs) or _make(project, inputs, tools)
            limits.refuse(bundle, inputs.packaging, project)
            prepare.insist(project, bundle.preparations, bundle.notes)
    for note in bundle.notes:
        tools.reporter.note(note)
    return replace(bundle, notes=(*bundle.notes, why)) if why else bundle


def _last_made(project: Project, inputs: Inputs) -> Bundle | None:
    """Return what the last build made, if it was of the same."""
    found = record.read(project.work / "bundle", inputs.key)
    return found or limits.too_large(project, inputs.packaging, inputs.key)


def _gather(project: Project, tools: Tools) -> Inputs:
    return gather(
        project,
        lambda: resolution.settle(project, tools),
        lambda ingredients: prepare.settle(project, ingredients, tools),
    )


def _make(project: Project, inputs: Inputs, tools: Tools) -> Bundle:
    from slsdeploy.bundle import making  # not needed when nothing changed

    return making.make(project, inputs, lambda: _gather(project, tools), tools)


def _choose(project: Project, inputs: Inputs, tools: Tools) -> tuple[Project, Inputs, str]:
    """Decide what "auto" is, by the size of the parts as layers, which is known once they are made; return it with the reason."""
    size = choosing.least(project, inputs.preparations) or choosing.recall(project.work, inputs.key)
    is_known = size is not None
    if size is None:
        from slsdeploy.bundle import making

        kept = making.keep(project, inputs, tools)[0]
        size = sum(part.bytes for part in kept)
        choosing.remember(project.work, inputs.key, size)
        if not targets.fits(inputs.packaging, size):
            tools.reporter.note(making.largest(kept, inputs))
    name, why = targets.choose(choosing.facts(project, size))
    tools.reporter.note(why)
    if name == inputs.packaging.NAME:
        return project, inputs, why
    chosen = base_image.settle(choosing.chosen(project, name), tools)
    again = _gather(chosen, tools)
    if not (is_known or installed.are_same(inputs.packages, again.packages)):
        tools.reporter.note(
            "this takes longer: the image's base lacks what Lambda's brings, so the dependencies are made once more"
        )
    return chosen, again, why


def settle(project: Project, tools: Tools, cloud: Cloud | None = None) -> Project:
    """Return the project with all that it takes from elsewhere pinned and here: models that live in S3, its image's base, the sizes of
    layers of others.

    With `cloud`, what is pinned is looked for there, too; without it, AWS is asked for nothing but models that are missing, and sizes
    that are not pinned stay unknown. Raises ToolError also when the disk is full or may not be written to.
    """
    with _disk_is_ours(project):
        return attached.settle(base_image.settle(origins.settle(project, tools, cloud), tools), tools, cloud)


def known(project: Project) -> Project:
    """Return the project with what `settle` found out for it before. Asks nobody.

    Raises ProjectError when the lock file is damaged.
    """
    return attached.find(base_image.find(origins.known(project)))


def _disk_is_ours(project: Project) -> AbstractContextManager[None]:
    return disk.ours(f"the bundle is made in {project.work} and in {assets.cache_dir()} (SLSDEPLOY_CACHE_DIR)")


def last(project: Project) -> Bundle | None:
    """Return the bundle of the last build, if the next one would be the same; nothing is resolved, and nothing made.

    One that is too large for Lambda, too, of which nothing is packed.

    Raises ProjectError when the requirements or their lock cannot be read.
    """
    section = resolution.find(project)
    if section is None:
        return None

    def remember(ingredients: Ingredients) -> tuple[Preparation, ...]:
        found = prepare.find(project, ingredients)
        if found is None:
            raise ProjectError("a model is not prepared")
        return found

    try:
        inputs = gather(project, lambda: section, remember)
        package = package_of(project, inputs)
        if package and package != inputs.packaging.NAME:
            inputs = gather(base_image.find(choosing.chosen(project, package)), lambda: section, remember)
        return _last_made(project, inputs)
    except (ProjectError, OSError):  # the next build says which
        return None


def package_of(project: Project, inputs: Inputs) -> str:
    """Return what the package is; of "auto", what the last build chose, "" when there was none of the same parts."""
    if project.config.package != targets.AUTO:
        return project.config.package
    size = choosing.least(project, inputs.preparations) or choosing.recall(project.work, inputs.key)
    return "" if size is None else targets.choose(choosing.facts(project, size))[0]
