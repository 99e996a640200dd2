"""Preparations -> the files that ship: those that were measured, or the same made and checked here, as slsdeploy.lock says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from slsdeploy.bundle.prepare import making, settling, wording
from slsdeploy.bundle.prepare.candidates import BY_NAME, PLAIN
from slsdeploy.bundle.prepare.engine import Engine, EngineError
from slsdeploy.bundle.prepare.settling import Ingredients
from slsdeploy.errors import BuildError
from slsdeploy.tools import Tools
from slsdeploy.types import Model, ModelInfo, Preparation, Project


@dataclass(frozen=True, slots=True)
class Prepared:
    """The folders of models that do not ship as they are, by the model's name, and what is to be said about them."""

    folders: Mapping[str, Path]
    notes: Sequence[str]


def make(project: Project, ingredients: Ingredients, preparations: Sequence[Preparation], tools: Tools) -> Prepared:
    """Make what was settled, unless it is kept. Raises BuildError when this machine cannot."""
    folders, notes = {}, []
    engine = settling.engine_for(project, ingredients)
    for model, info, preparation in zip(project.models, ingredients.infos, preparations, strict=True):
        if not preparation.digest:
            continue
        folders[model.name], found = _make(model, info, preparation, engine, tools)
        if found != preparation.digest:
            notes.append(wording.other_bytes(model))
    return Prepared(folders, tuple(notes))


def insist(project: Project, preparations: Sequence[Preparation], notes: Sequence[str]) -> None:
    """Refuse, with --locked, files that were made here and are not what slsdeploy.lock names. Raises BuildError."""
    for model, preparation in zip(project.models, preparations, strict=True):
        if project.locked and wording.other_bytes(model) in notes:
            message = f"--locked: onnxruntime makes other bytes of model {model.name} here than slsdeploy.lock names ({preparation.digest})"
            hint = 'build on the kind of machine that wrote the lock, or use optimize = "off"'
            raise BuildError(message, hint, str(model.path))


def _make(model: Model, info: ModelInfo, preparation: Preparation, engine: Engine, tools: Tools) -> tuple[Path, str]:
    candidate = BY_NAME[preparation.choice]

    @contextmanager
    def shown_and_checked(folder: Path) -> Iterator[None]:
        from slsdeploy.bundle.prepare import measuring  # numpy is slow to import

        engine.make_ready(tools)
        with tools.reporter.step(f"prepare model {model.name}"):
            yield
            problem = "" if candidate == PLAIN else measuring.verify(model, info, candidate, folder, tools, engine)
        if problem:
            raise EngineError(problem)

    try:
        kept = making.keep(model, info, candidate, engine, tools, shown_and_checked)
    except EngineError as error:
        message = f"model {model.name} cannot be prepared as slsdeploy.lock says ({candidate.name}): {error}"
        raise BuildError(
            message, "delete its [[prepared]] from slsdeploy.lock: it is measured anew", str(model.path)
        ) from error
    return kept.tree, making.digest(kept)
