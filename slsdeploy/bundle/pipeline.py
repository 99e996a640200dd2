"""Project -> Bundle, top to bottom: gather what it is made from, stop if nothing changed, make the parts, check, pack.

Finding out that nothing changed costs a look at the project's files. What has to be made is made once per user and kept (`parts`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from slsdeploy import assets, targets
from slsdeploy.bundle import (
    acceptance,
    ahead,
    attached,
    base_image,
    bytecode,
    choosing,
    disk,
    engine,
    inspection,
    layout,
    manifest,
    origins,
    packing,
    parts,
    place,
    prepare,
    record,
    resolution,
    sbom,
    select,
    verify,
)
from slsdeploy.bundle import packages as installed
from slsdeploy.bundle import requirements as needs
from slsdeploy.bundle.ahead import Begun
from slsdeploy.bundle.lock import Section
from slsdeploy.bundle.packages import Packages
from slsdeploy.bundle.parts import Kept
from slsdeploy.bundle.prepare import Ingredients, Prepared
from slsdeploy.bundle.slim import memory as slim_memory
from slsdeploy.bundle.slim import wish as wishes
from slsdeploy.errors import BuildError, ProjectError
from slsdeploy.layers import AttachedLayer
from slsdeploy.targets import PackagingTarget
from slsdeploy.tools import Cloud, Tools
from slsdeploy.types import Bundle, Model, ModelInfo, Part, PartName, Preparation, Project

ORDER: tuple[PartName, ...] = ("dependencies", "runtime", "model", "code")
_LISTED = 10


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that a bundle is made from, and the key of each part: the same key, the same part."""

    packaging: PackagingTarget
    packages: Packages
    models: tuple[ModelInfo, ...]
    ingredients: Ingredients
    preparations: tuple[Preparation, ...]
    files: tuple[Path, ...]
    document: bytes
    keys: Mapping[PartName, str]
    notes: tuple[str, ...]
    base: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return _digest([self.packaging.NAME, *self.keys.values(), *self.notes, *self.base])


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
            bundle = record.read(project.work / "bundle", inputs.key) or _make_slimmed(project, inputs, tools)
            prepare.insist(project, bundle.preparations, bundle.notes)
    _check_size(bundle.parts, inputs.packaging, project.layers)
    for note in bundle.notes:
        tools.reporter.note(note)
    return replace(bundle, notes=(*bundle.notes, why)) if why else bundle


def _gather(project: Project, tools: Tools) -> Inputs:
    return gather(
        project,
        lambda: resolution.settle(project, tools),
        lambda ingredients: prepare.settle(project, ingredients, tools),
    )


def _choose(project: Project, inputs: Inputs, tools: Tools) -> tuple[Project, Inputs, str]:
    """Decide what "auto" is, by the size of the parts as layers, which is known once they are made; return it with the reason."""
    size = choosing.least(project, inputs.preparations) or choosing.recall(project.work, inputs.key)
    if size is None:
        size = sum(part.bytes for part in _keep(project, inputs, tools)[0])
        choosing.remember(project.work, inputs.key, size)
    name, why = targets.choose(choosing.facts(project, size))
    tools.reporter.note(why)
    if name == inputs.packaging.NAME:
        return project, inputs, why
    chosen = base_image.settle(choosing.chosen(project, name), tools)
    return chosen, _gather(chosen, tools), why


def settle(project: Project, tools: Tools, cloud: Cloud | None = None) -> Project:
    """Return the project with all that it takes from elsewhere pinned and here: models that live in S3, its image's base, the sizes of
    layers of others.

    With `cloud`, what is pinned is looked for there, too; without it, AWS is asked for nothing but models that are missing, and sizes
    that are not pinned stay unknown. Raises ToolError also when the disk is full or may not be written to.
    """
    with _disk_is_ours(project):
        return attached.settle(base_image.settle(origins.settle(project, tools, cloud), tools), tools, cloud)


def _disk_is_ours(project: Project) -> AbstractContextManager[None]:
    return disk.ours(f"the bundle is made in {project.work} and in {assets.cache_dir()} (SLSDEPLOY_CACHE_DIR)")


def last(project: Project) -> Bundle | None:
    """Return the bundle of the last build, if the next one would be the same; nothing is resolved, and nothing made.

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
        return record.read(project.work / "bundle", inputs.key)
    except (ProjectError, OSError):  # the next build says which
        return None


def package_of(project: Project, inputs: Inputs) -> str:
    """Return what the package is; of "auto", what the last build chose, "" when there was none of the same parts."""
    if project.config.package != targets.AUTO:
        return project.config.package
    size = choosing.least(project, inputs.preparations) or choosing.recall(project.work, inputs.key)
    return "" if size is None else targets.choose(choosing.facts(project, size))[0]


def gather(
    project: Project,
    settle: Callable[[], Section],
    settle_models: Callable[[Ingredients], tuple[Preparation, ...]],
) -> Inputs:
    """Read what the bundle is made from; what is settled comes last, once everything else is found good: packages, then models."""
    package = project.config.package
    packaging = targets.find(targets.FIRST if package == targets.AUTO else package)
    models = tuple(_inspect(model) for model in project.models)
    model_files = frozenset(file.resolve() for info in models for file in info.files)
    files = tuple(select.code_files(project, model_files))
    requirements, section = needs.read(project), settle()
    wish = wishes.read(project, files, requirements)
    packages = Packages(requirements, section, wish, packaging.PLACES["dependencies"])
    packages = slim_memory.apply(packages, project, models)
    ingredients = Ingredients(models, packages, resolution.on_lambda(project))
    preparations = settle_models(ingredients)
    document = manifest.make(project, models, preparations, packaging.PLACES["model"])
    untried = "" if verify.can_run(project) else acceptance.note(section)
    told = (note for preparation in preparations for note in preparation.notes)
    stated = (project.target.note, bytecode.note(project.target), untried, *told)
    made_from: dict[PartName, object] = {
        "runtime": layout.fingerprint(assets.runtime().parent, layout.runtime_files()),
        "model": [
            (model.name, model.path.name, info.digest, preparation.choice, preparation.digest)
            for model, info, preparation in zip(project.models, models, preparations, strict=True)
            if model.origin is None
        ],
        "code": [layout.fingerprint(project.root, files), document.decode()],
    }
    keys: dict[PartName, str] = {
        "dependencies": installed.key(packages, project),
        **{name: layout.key(name, packaging.PLACES[name], project.target, said) for name, said in made_from.items()},
    }
    notes = tuple(note for note in stated if note)
    return Inputs(packaging, packages, models, ingredients, preparations, files, document, keys, notes, _base(project))


def _inspect(model: Model) -> ModelInfo:
    info = inspection.inspect(model.path)
    origins.check(model, info)
    return info


def _make_slimmed(project: Project, inputs: Inputs, tools: Tools) -> Bundle:
    """Make the bundle; with one cut less, and once more, when one turns out to break the project's models or its handler."""
    from slsdeploy.bundle.slim import models as slim_models  # not needed when nothing changed

    while True:
        subject = slim_models.Subject(project, inputs.packages, inputs.ingredients, inputs.preparations)
        try:
            kept, prepared = _keep(project, inputs, tools)
            _check_size(kept, inputs.packaging, project.layers)
            with ahead.begin(project, kept, inputs.packaging) as begun:
                if not slim_models.try_models(subject, tools):
                    return _make(project, inputs, _Made(kept, prepared, begun), tools)
        except BuildError as error:
            if not slim_models.blame(error, subject, tools):
                raise
        inputs = _gather(project, tools)


class _Made(NamedTuple):
    """The parts, what is to be said of the models that were prepared, and what is being packed."""

    kept: list[Kept]
    prepared: Prepared
    begun: Begun


def _make(project: Project, inputs: Inputs, made: _Made, tools: Tools) -> Bundle:
    from slsdeploy.bundle.slim import models as slim_models
    from slsdeploy.bundle.slim import spaces

    kept, folder = made.kept, project.work / "bundle"
    slimmed = slim_models.describe(project, inputs.packages, inputs.models, kept[0])
    former = sbom.read(folder)
    with place.renewed(folder, kept) as draft:
        verify.check_sources(project, draft)
        if project.handler:
            with tools.reporter.step("check the handler"):
                verify.check(project, inputs.files, draft, tools)
        if verify.can_run(project) and acceptance.older(inputs.packages.section):
            with tools.reporter.step("load the model"):
                place_of = draft / inputs.packaging.PLACES["model"]
                files = [m.path if m.origin else place_of / m.name / m.path.name for m in project.models]
                verify.load_models(project, files, draft, tools)
        with tools.reporter.step("pack"):
            packed = packing.pack(project, kept, made.begun, inputs.packaging, draft, tools)
        bundle = Bundle(
            package=inputs.packaging.NAME,
            python=project.target.python,
            architecture=project.target.architecture,
            digest=_digest([inputs.packaging.NAME, *(item.digest for item in kept), *_base(project)]),
            path=folder,
            parts=tuple(packing.describe(item, folder, packed) for item in kept),
            archives=packed.archives,
            models=inputs.models,
            notes=(*inputs.notes, *made.prepared.notes, *slimmed.notes),
            preparations=inputs.preparations,
            image=packed.image,
            space=spaces.rows(kept, inputs.packaging.PLACES, slimmed),
            slimmed=slimmed,
        )
        sbom.write(sbom.subject(project, bundle, inputs.packages.requirements.lines, draft), draft, former)
        record.write(bundle, inputs.key, draft)
    return bundle


def _keep(project: Project, inputs: Inputs, tools: Tools) -> tuple[list[Kept], Prepared]:
    """Return the parts, each made now unless it is kept."""
    dependencies = installed.keep(inputs.packages, project, tools)
    prepared = prepare.make(project, inputs.ingredients, inputs.preparations, tools)
    return [dependencies, *(_part(name, project, inputs, prepared, tools) for name in ORDER[1:])], prepared


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


def _check_size(found: Sequence[Kept | Part], packaging: PackagingTarget, layers: Sequence[AttachedLayer]) -> None:
    """Refuse what Lambda would refuse, and say what takes the room."""
    total = sum(each.bytes or 0 for each in (*found, *layers))
    if targets.fits(packaging, total):
        return
    members = sorted((item for part in found for item in part.largest), key=lambda item: -item[1])[:_LISTED]
    lines = [f"{part.name}: {part.bytes:,} bytes" for part in found]
    lines += [f"the layer {layer.arn}: {layer.bytes:,} bytes" for layer in layers if layer.bytes]
    lines += ["the largest files:", *(f"{size:>13,}  {path}" for path, size in members)]
    message = f"the bundle is {total:,} bytes unzipped; Lambda takes less than {packaging.LIMIT:,}"
    hint = 'leave out what inference does not need (a model exported to ONNX needs no training framework), or set package = "image"'
    raise BuildError("\n  ".join([message, *lines]), hint, packaging.NAME)


def _base(project: Project) -> tuple[str, ...]:
    """Say what an image is made from beside its parts: the base, and what an engine builds upon it."""
    base = (project.base.reference,) if project.base else ()
    if project.config.package != targets.IMAGE or not engine.is_wanted(project):
        return base
    return (*base, hashlib.sha256(engine.dockerfile(project).read_bytes()).hexdigest())


def _digest(digests: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()
