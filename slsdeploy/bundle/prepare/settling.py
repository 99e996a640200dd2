"""Project -> how each of its models ships: as slsdeploy.lock says, or measured and written there now.

The choice goes with the model into version control, so that every machine makes the same bundle. One that is safe on any processor holds
for all targets: a local build follows it, and what it measures for a fresh project is what AWS gets. What is for one processor, or for
another onnxruntime than AWS gets, concerns this machine only: a local build keeps that in the stage's work folder, as `resolution` does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from slsdeploy import assets
from slsdeploy.bundle import lock, place, record
from slsdeploy.bundle.lock import Section
from slsdeploy.bundle.packages import Packages
from slsdeploy.bundle.prepare import engine as engines
from slsdeploy.bundle.prepare import locking, making, wording
from slsdeploy.bundle.prepare.candidates import PLAIN, PREPACKED
from slsdeploy.bundle.prepare.engine import Engine
from slsdeploy.bundle.prepare.locking import Subject
from slsdeploy.errors import BuildError
from slsdeploy.tools import Tools
from slsdeploy.types import Model, ModelInfo, Preparation, Project

if TYPE_CHECKING:
    from slsdeploy.bundle.prepare.measuring import CannotMeasure

_MEASURED = "measured.json"


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What is needed to prepare models: what they say of themselves, the packages that the bundle gets, and those that AWS gets (None when
    that is not known).
    """

    infos: Sequence[ModelInfo]
    packages: Packages
    on_lambda: Section | None

    @property
    def section(self) -> Section:
        return self.packages.section


@dataclass(frozen=True, slots=True)
class Case:
    """One model to be prepared: by which engine, and whether that is another onnxruntime than ships, which may only quantize."""

    model: Model
    info: ModelInfo
    engine: Engine
    is_borrowed: bool
    subject: Subject
    lock: Path

    @property
    def kept(self) -> Path:
        """Return the folder of this user's cache for what was measured of it."""
        native = engines.processor() if self.model.optimize == "native" else ""
        engine = [self.engine.version, self.engine.platform, self.engine.is_targets, self.engine.memory, native]
        said = json.dumps([making.RECIPE, asdict(self.subject), *engine])
        return assets.cache_dir() / "measured" / hashlib.sha256(said.encode()).hexdigest()[:40]


def settle(project: Project, ingredients: Ingredients, tools: Tools) -> tuple[Preparation, ...]:
    """Return how each model ships, measuring what is not known.

    Raises BuildError when a model cannot be quantized, ProjectError when slsdeploy.lock cannot be read; with --locked, where that does not
    say how a model ships, or this machine cannot make it so.
    """
    settled = []
    for model, info in zip(project.models, ingredients.infos, strict=True):
        case = _case(project, model, info, ingredients)
        known = _known(project, case) if isinstance(case, Case) else case
        _insist(project, model, case, _subject(project, model, info, ingredients))
        settled.append(known or _measure(case, tools) if isinstance(case, Case) else case)
    return tuple(settled)


def _insist(project: Project, model: Model, case: Case | Preparation, subject: Subject) -> None:
    """Refuse, with --locked, what would not ship as slsdeploy.lock says. What only concerns this machine is no business of the lock.

    Raises BuildError where this machine cannot make it, ProjectError where the lock does not say it.
    """
    if not project.locked or model.origin is not None or (model.optimize == "off" and not model.quantize):
        return
    said = locking.read(project.root, subject)
    if isinstance(case, Case) and case.is_borrowed:
        raise BuildError(wording.not_as_locked(model), wording.install(subject.onnxruntime), str(model.path))
    if isinstance(case, Case):
        if said is None and case.lock == project.root:
            lock.insist(project, f"model {model.name} is not in {lock.FILE} as it is now")
        if said is not None and said.choice == PREPACKED.name and not case.engine.is_targets:
            hint = f"build on {project.target.architecture}"
            raise BuildError(wording.not_as_locked(model, said.choice), hint, str(model.path))
    elif said is not None and said.digest:
        raise BuildError(
            wording.not_as_locked(model, said.choice), wording.install(subject.onnxruntime), str(model.path)
        )


def find(project: Project, ingredients: Ingredients) -> tuple[Preparation, ...] | None:
    """Return how each model ships; None when one would have to be measured."""
    found = []
    for model, info in zip(project.models, ingredients.infos, strict=True):
        case = _case(project, model, info, ingredients)
        found.append(_known(project, case) if isinstance(case, Case) else case)
    known = tuple(each for each in found if each is not None)
    return known if len(known) == len(found) else None


def engine_for(project: Project, ingredients: Ingredients) -> Engine:
    """Return the onnxruntime that makes what was settled."""
    return engines.find(project, ingredients.packages) or engines.host(project)


def _case(project: Project, model: Model, info: ModelInfo, ingredients: Ingredients) -> Case | Preparation:
    """Say what is to be found out about a model, or that it ships as it is."""
    if model.origin is not None or (model.optimize == "off" and not model.quantize):
        return as_it_is(model, info)
    engine = engines.find(project, ingredients.packages)
    shipped = engines.shipped(ingredients.section)
    if engine is None and not model.quantize:
        return as_it_is(model, info, wording.no_engine(model, shipped, version("onnxruntime")))
    subject = _subject(project, model, info, ingredients)
    is_lambdas = ingredients.on_lambda is not None and (
        ingredients.section == ingredients.on_lambda
        or (not subject.architecture and engines.shipped(ingredients.on_lambda) == shipped)
    )
    place = project.root if is_lambdas else project.work
    return Case(model, info, engine or engines.host(project), engine is None, subject, place)


def _subject(project: Project, model: Model, info: ModelInfo, ingredients: Ingredients) -> Subject:
    architecture = project.target.architecture if model.optimize == "native" else ""
    shipped = engines.shipped(ingredients.section)
    return Subject(model.name, info.digest, shipped, model.optimize, model.quantize or "", architecture)


def as_it_is(model: Model, info: ModelInfo, *notes: str) -> Preparation:
    """Return that a model ships as it is."""
    return Preparation(model.name, PLAIN.name, "", model.optimize, model.quantize, info.bytes, notes=notes)


def _known(project: Project, case: Case) -> Preparation | None:
    """Return what the lock files say, with the numbers of this user's cache; None when the model has to be measured."""
    kept, is_for_lock = _remembered(case.kept)
    if kept is not None and not is_for_lock:
        return _with_notes(case, kept)
    said = locking.read(project.root, case.subject)
    if said is None and case.lock != project.root:
        said = locking.read(case.lock, case.subject)
    if said is None:
        return None
    if said.choice == PREPACKED.name and not case.engine.is_targets:
        return as_it_is(case.model, case.info, wording.other_processor(case.model, case.subject.architecture))
    is_same = kept is not None and (kept.choice, kept.digest) == (said.choice, said.digest)
    return _with_notes(case, kept if kept is not None and is_same else said)


def _measure(case: Case, tools: Tools) -> Preparation:
    """Measure a model, and remember what came of it: the choice in the lock, the numbers in this user's cache."""
    from slsdeploy.bundle.prepare import measuring  # numpy, a tenth of a second, which a rebuild does not need

    model = replace(case.model, optimize="off") if case.is_borrowed else case.model
    with place.exclusive(case.kept, tools, "measurement"):
        found, is_for_lock = _remembered(case.kept)
        if found is None:
            is_for_lock = not case.is_borrowed
            case.engine.make_ready(tools)
            try:
                with tools.reporter.step(f"measure model {model.name}"):
                    found = _rounded(measuring.measure(model, case.info, case.engine, tools))
            except measuring.CannotMeasure as error:
                found, is_for_lock = _unmeasured(case, error, tools), error.is_models and is_for_lock
                if error.is_passing:
                    return _with_notes(case, found)
            said = {"preparation": asdict(found), "is_for_lock": is_for_lock}
            assets.write_atomically(case.kept / _MEASURED, json.dumps(said).encode())
    if is_for_lock:
        locking.write(case.lock, case.subject, found)
    return _with_notes(case, found)


def _unmeasured(case: Case, error: CannotMeasure, tools: Tools) -> Preparation:
    """Return that a model ships unoptimised, because nothing can be said of it here."""
    note = wording.not_measured(case.model, str(error))
    plain = as_it_is(case.model, case.info, note)
    if not case.model.quantize:
        return plain
    kept = making.keep(case.model, case.info, PLAIN, case.engine, tools)
    return replace(plain, digest=making.digest(kept), bytes=kept.bytes) if kept.files else plain


def _with_notes(case: Case, found: Preparation) -> Preparation:
    """Add what a user has to know of a choice, whoever made it."""
    notes = [*found.notes, *wording.of_choice(case.model, found)]
    if case.is_borrowed:
        notes.append(wording.no_engine(case.model, case.subject.onnxruntime, case.engine.version))
    elif case.model.optimize == "native":
        notes.append(wording.native(case.model, found.choice, case.subject.architecture, case.engine.is_targets))
    return replace(found, optimize=case.model.optimize, notes=tuple(notes))


def _remembered(folder: Path) -> tuple[Preparation | None, bool]:
    """Return what this user's cache knows, and whether it belongs into a lock."""
    try:
        said = json.loads((folder / _MEASURED).read_text(encoding="utf-8"))
        return record.preparation(said["preparation"]), bool(said["is_for_lock"])
    except (OSError, ValueError, KeyError, TypeError):
        return None, False


def _rounded(found: Preparation) -> Preparation:
    """Leave out digits that are noise."""
    rows = tuple(
        replace(
            row,
            session_ms=round(row.session_ms, 2),
            first_ms=round(row.first_ms, 2),
            warm_ms=round(row.warm_ms, 3),
            resident_mb=round(row.resident_mb, 1),
            difference=_short(row.difference),
        )
        for row in found.measured
    )
    quantized = found.quantized_difference
    return replace(
        found,
        measured=rows,
        difference=_short(found.difference),
        quantized_difference=None if quantized is None else _short(quantized),
    )


def _short(difference: float) -> float:
    return float(f"{difference:.2g}")
