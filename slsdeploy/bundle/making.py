"""Inputs -> Bundle: make the parts, lay them out, try them, pack. Imported only when there is something to make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from slsdeploy import assets
from slsdeploy.bundle import (
    acceptance,
    ahead,
    bytecode,
    layout,
    limits,
    packing,
    parts,
    place,
    prepare,
    record,
    sbom,
    verify,
)
from slsdeploy.bundle import packages as installed
from slsdeploy.bundle.inputs import Inputs, digest
from slsdeploy.bundle.slim import models as slim_models
from slsdeploy.bundle.slim import spaces
from slsdeploy.errors import BuildError
from slsdeploy.printable import size
from slsdeploy.project import can_run
from slsdeploy.space import Slimmed
from slsdeploy.types import Bundle

if TYPE_CHECKING:
    from slsdeploy.bundle.ahead import Begun
    from slsdeploy.bundle.packing import Packed
    from slsdeploy.bundle.parts import Kept
    from slsdeploy.bundle.prepare import Prepared
    from slsdeploy.tools import Tools
    from slsdeploy.types import PartName, Project

_LISTED = 4
ORDER: tuple[PartName, ...] = ("dependencies", "runtime", "model", "code")


def make(project: Project, inputs: Inputs, again: Callable[[], Inputs], tools: Tools) -> Bundle:
    """Make the bundle; with one cut less, and once more, when one turns out to break the project's models or its handler."""
    while True:
        subject = slim_models.Subject(project, inputs.packages, inputs.ingredients, inputs.preparations)
        try:
            kept, prepared = keep(project, inputs, tools)
            if not limits.fits(kept, inputs.packaging, project):
                return _make(project, inputs, _Made(kept, prepared, None), tools)
            with ahead.begin(project, kept, inputs.packaging) as begun:
                if not slim_models.try_models(subject, tools):
                    return _make(project, inputs, _Made(kept, prepared, begun), tools)
        except BuildError as error:
            if not slim_models.blame(error, subject, tools):
                raise
        inputs = again()


class _Made(NamedTuple):
    """The parts, what is to be said of the models that were prepared, and what is being packed; None: too large to be packed."""

    kept: list[Kept]
    prepared: Prepared
    begun: Begun | None


def _make(project: Project, inputs: Inputs, made: _Made, tools: Tools) -> Bundle:
    """Make the bundle; of one that is too large for Lambda only what `check` looks at."""
    folder = limits.place(project) if made.begun is None else project.work / "bundle"
    former = sbom.read(folder)
    with place.renewed(folder, made.kept) as draft:
        packed = None
        if made.begun is not None:
            _try_out(project, inputs, draft, tools)
            with tools.reporter.step("pack"):
                packed = packing.pack(project, made.kept, made.begun, inputs.packaging, draft, tools)
        bundle = _describe(project, inputs, made, packed, folder)
        sbom.write(sbom.subject(project, bundle, inputs.packages.requirements.lines, draft), draft, former)
        record.write(bundle, inputs.key, draft)
    return bundle


def _try_out(project: Project, inputs: Inputs, draft: Path, tools: Tools) -> None:
    """Look whether the handler and the models work with what is laid out."""
    verify.check_sources(project, draft)
    if project.handler:
        with tools.reporter.step("check the handler"):
            verify.check(project, inputs.files, draft, tools)
    if can_run(project) and acceptance.older(inputs.packages.section):
        with tools.reporter.step("load the model"):
            place_of = draft / inputs.packaging.PLACES["model"]
            files = [m.path if m.origin else place_of / m.name / m.path.name for m in project.models]
            verify.load_models(project, files, draft, tools)


def _describe(project: Project, inputs: Inputs, made: _Made, packed: Packed | None, folder: Path) -> Bundle:
    """Say what the bundle in the folder will be."""
    kept = made.kept
    slimmed = slim_models.describe(project, inputs.packages, inputs.models, kept[0])
    return Bundle(
        package=inputs.packaging.NAME,
        python=project.target.python,
        architecture=project.target.architecture,
        digest=digest([inputs.packaging.NAME, *(item.digest for item in kept), *inputs.base]),
        path=folder,
        parts=tuple(packing.describe(item, folder, packed) for item in kept),
        archives=packed.archives if packed else (),
        models=inputs.models,
        notes=(*inputs.notes, *made.prepared.notes, *slimmed.notes),
        preparations=inputs.preparations,
        image=packed.image if packed else None,
        space=spaces.rows(kept, inputs.packaging.PLACES, slimmed),
        slimmed=slimmed,
    )


def keep(project: Project, inputs: Inputs, tools: Tools) -> tuple[list[Kept], Prepared]:
    """Return the parts, each made now unless it is kept."""
    dependencies = installed.keep(inputs.packages, project, tools)
    prepared = prepare.make(project, inputs.ingredients, inputs.preparations, tools)
    return [dependencies, *(_part(name, project, inputs, prepared, tools) for name in ORDER[1:])], prepared


def largest(kept: list[Kept], inputs: Inputs) -> str:
    """Say in one line what takes most of the parts' room."""
    rows = spaces.rows(kept, inputs.packaging.PLACES, Slimmed())
    most = ", ".join(f"{row.name} {size(row.bytes)}" for row in rows[:_LISTED])
    return f"the largest of what ships, {size(sum(row.bytes for row in rows))} unzipped: {most}"


def _part(name: PartName, project: Project, inputs: Inputs, prepared: Prepared, tools: Tools) -> Kept:
    """Return a part, made now unless it is kept."""
    mounted = inputs.packaging.PLACES[name]

    def make(tree: Path) -> None:
        with tools.reporter.step(f"make {name}"):
            _fill(name, tree / mounted, project, inputs, prepared)
            bytecode.add(tree, project.target, tools)

    return parts.keep(name, inputs.keys[name], make)


def _fill(name: PartName, folder: Path, project: Project, inputs: Inputs, prepared: Prepared) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    match name:
        case "runtime":
            layout.copy_files(assets.runtime().parent, layout.runtime_files(), folder)
        case "model":
            layout.copy_models(project, inputs.models, prepared.folders, folder)
        case "code":
            layout.write_code(project, inputs.files, inputs.document, folder)
