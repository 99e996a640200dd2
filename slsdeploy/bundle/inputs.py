"""Project -> Inputs: all that a bundle is made from, and a key of each part. The same keys, the same bundle: nothing is made here.

What is settled on the way (which packages, how models ship) is for the caller to say: a build finds it out, `check` only looks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slsdeploy import assets, targets
from slsdeploy.bundle import (
    acceptance,
    bytecode,
    engine,
    inspection,
    layout,
    manifest,
    origins,
    resolution,
    select,
)
from slsdeploy.bundle import packages as installed
from slsdeploy.bundle import requirements as needs
from slsdeploy.bundle.packages import Packages
from slsdeploy.bundle.prepare import Ingredients
from slsdeploy.bundle.slim import memory as slim_memory
from slsdeploy.bundle.slim import wish as wishes
from slsdeploy.project import can_run

if TYPE_CHECKING:
    from slsdeploy.bundle.lock import Section
    from slsdeploy.targets import PackagingTarget
    from slsdeploy.types import Model, ModelInfo, PartName, Preparation, Project


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
        return digest([self.packaging.NAME, *self.keys.values(), *self.notes, *self.base])


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
    untried = "" if can_run(project) else acceptance.note(section)
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


def _base(project: Project) -> tuple[str, ...]:
    """Say what an image is made from beside its parts: the base, and what an engine builds upon it."""
    base = (project.base.reference,) if project.base else ()
    if project.config.package != targets.IMAGE or not engine.is_wanted(project):
        return base
    return (*base, hashlib.sha256(engine.dockerfile(project).read_bytes()).hexdigest())


def digest(digests: Iterable[str]) -> str:
    """Return the digest of digests."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()
