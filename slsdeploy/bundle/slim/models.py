"""A project's models -> whether their outputs are the same, bit by bit, with its packages as slimmed and with all that was in them.

The packages are a part that projects share, so this is done for each project: once for the part and the models that it has, and kept in
this user's cache. A cut without which a model answers otherwise, or not at all, is found by taking them out step by step; from then on
the project gets a part without that cut. The same goes for a module that its handler turns out to import.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slsdeploy.bundle import archive, tree
from slsdeploy.bundle import packages as installed
from slsdeploy.bundle.packages import Packages
from slsdeploy.bundle.parts import Kept
from slsdeploy.bundle.prepare import Ingredients, shipping
from slsdeploy.bundle.prepare import engine as engines
from slsdeploy.bundle.prepare.candidates import BY_NAME
from slsdeploy.bundle.prepare.engine import Engine, EngineError
from slsdeploy.bundle.slim import memory, removal, slimming
from slsdeploy.bundle.slim.installed import dotted
from slsdeploy.bundle.slim.memory import Tried
from slsdeploy.bundle.slim.removal import Group, Shelf
from slsdeploy.errors import BuildError
from slsdeploy.project import can_run
from slsdeploy.space import CutMade, Slimmed
from slsdeploy.tools import Tools
from slsdeploy.types import Model, ModelInfo, Preparation, Project

if TYPE_CHECKING:
    from slsdeploy.bundle.prepare.comparing import Answers

_LEAST_SECONDS, _MOST_SECONDS, _TIMES = 60.0, 600.0, 5


@dataclass(frozen=True, slots=True)
class Subject:
    """What is tried: a project's packages, its models as they ship."""

    project: Project
    packages: Packages
    ingredients: Ingredients
    preparations: tuple[Preparation, ...]

    @property
    def key(self) -> str:
        """Return what is known beforehand under: the packages but for what the models taught, and the models."""
        return memory.key(self.packages, self.project, self.ingredients.infos)


def try_models(subject: Subject, tools: Tools) -> bool:
    """Try the models, unless that was done. Return whether a cut was undone that was not before: the packages are then others."""
    if subject.packages.wish.mode == "off":
        return False
    part = installed.keep(subject.packages, subject.project, tools)
    before = memory.read(subject.key)
    infos = zip(subject.ingredients.infos, subject.preparations, strict=True)
    made_for = memory.digest([part.digest, *(str((i.digest, p.choice, p.digest)) for i, p in infos)])
    if before.made_for == made_for:
        return False
    try:
        undone, by = _compare(subject, part, tools)
    except EngineError as error:
        if error.is_passing:
            return False
        undone, by = (), f"not compared: {error}"
    memory.write(subject.key, Tried((*before.undone, *undone), by, made_for))
    return bool(undone)


def blame(error: BuildError, subject: Subject, tools: Tools) -> bool:
    """Say whether an error is that a module was taken out which the project turns out to need; its cut is undone from then on."""
    if subject.packages.wish.mode == "off":
        return False
    part = installed.keep(subject.packages, subject.project, tools)
    named = set(re.findall(r"'([A-Za-z_][\w.]*)'", error.message))
    for id, pieces in slimming.read(part.folder).taken:
        modules = {dotted(path) for piece in pieces for path in piece.files} - {""}
        if named & modules:
            before = memory.read(subject.key)
            reason = error.message.splitlines()[0]
            memory.write(subject.key, replace(before, undone=(*before.undone, _undone(part, id, reason)), made_for=""))
            return True
    return False


def describe(project: Project, packages: Packages, models: Sequence[ModelInfo], part: Kept) -> Slimmed:
    """Return what was cut and who looked, for the part and the models together."""
    said, tried = slimming.read(part.folder).slimmed, memory.read(memory.key(packages, project, models))
    if said.mode == "off":
        return said
    return replace(said, cuts=(*said.cuts, *tried.undone), outputs_by=tried.by)


def _compare(subject: Subject, part: Kept, tools: Tools) -> tuple[tuple[CutMade, ...], str]:
    """Return the cuts that break a model, and who looked. Raises EngineError."""
    groups = slimming.read(part.folder).taken
    if not groups:
        return (), ""
    if not can_run(subject.project):
        return (), f"not compared: {slimming.cannot_run(subject.project)}"
    engine = engines.find(subject.project, subject.packages)
    assert engine is not None, "there is one where the target can be run"
    prepared = shipping.make(subject.project, subject.ingredients, subject.preparations, tools)
    shipped = [
        (model, info, prepared.folders.get(model.name, model.path.parent) / model.path.name, preparation)
        for model, info, preparation in zip(
            subject.project.models, subject.ingredients.infos, subject.preparations, strict=True
        )
    ]
    here = [each for each in shipped if each[2].is_file()]
    with (
        tools.reporter.step("compare the models' outputs"),
        tempfile.TemporaryDirectory(prefix=".draft-slim-", dir=part.folder.parent) as scratch,
    ):
        shelf = _copy(part, subject.packages, Path(scratch), groups)
        trial = _Trial(replace(engine, folders=lambda _: (shelf.packages,)), here, Path(scratch), tools)
        undone = removal.take_out(groups, shelf, trial.judge, trial.recheck) if trial.begin() else {}
    return tuple(_undone(part, id, reason) for id, reason in sorted(undone.items())), trial.by


def _undone(part: Kept, id: str, reason: str) -> CutMade:
    cuts = slimming.read(part.folder).slimmed.cuts
    return next(replace(cut, undone=reason) for cut in cuts if f"{cut.name}/{cut.package}" == id and not cut.undone)


def _copy(part: Kept, packages: Packages, scratch: Path, groups: Sequence[Group]) -> Shelf:
    """Lay out all that was installed, by links."""
    shelf = Shelf(scratch / "packages", scratch / "aside")
    for source, target in ((part.tree / packages.place, shelf.packages), (part.folder / slimming.ASIDE, shelf.aside)):
        archive.link_all(source, tree.walk(source), target)
    shelf.put_back(piece for _, pieces in groups for piece in pieces)
    return shelf


Shipped = tuple[Model, ModelInfo, Path, Preparation]


class _Trial:
    """Models' answers, compared to those that they gave before anything was taken out."""

    def __init__(self, engine: Engine, models: Sequence[Shipped], scratch: Path, tools: Tools) -> None:
        from slsdeploy.bundle.prepare import samples  # numpy is slow to import

        self._engine = engine
        self._models = models
        self._scratch = scratch
        self._tools = tools
        self._samples = {}
        for number, (model, info, _, _) in enumerate(models):
            folder = scratch / f"samples-{number}"
            folder.mkdir()
            self._samples[model.name] = samples.save(samples.make(info), folder)
        self._runs = 0
        self._limit = _MOST_SECONDS
        self._before: Mapping[str, _Answered] = {}
        self._unsteady = 0
        self._why_not = ""

    def begin(self) -> bool:
        """Run the models with all that was installed; say whether there is anything to compare. Raises EngineError."""
        import time

        began = time.monotonic()
        self._before = self._run()
        if missing := next((each.missing for each in self._before.values() if each.missing), ""):
            self._why_not = f"the function's packages do not work here: {missing}"
        elif not self._before:
            self._why_not = "no model is on this machine"
        self._limit = min(max(_LEAST_SECONDS, _TIMES * (time.monotonic() - began)), _MOST_SECONDS)
        return not self._why_not

    def recheck(self) -> bool:
        """Leave out models whose answers differ by themselves; whether the others are wrong is to be looked at again."""
        again = self._run()
        steady = [each for each in self._models if self._before[each[0].name].is_same(again[each[0].name])]
        self._unsteady = len(self._models) - len(steady)
        self._models = steady
        return bool(steady)

    @property
    def by(self) -> str:
        """Say in one line what was compared."""
        if self._why_not:
            return f"not compared: {self._why_not}"
        answered = sum(bool(self._before[each[0].name].answers) for each in self._models)
        refusing, all_ = len(self._models) - answered, len(self._before)
        said = "same outputs, bit by bit, before and after"
        what = (
            f"{said} ({all_} model{'' if all_ == 1 else 's'})"
            if all_ == answered
            else f"{said} for {answered} of {all_} models"
        )
        more = [f"{refusing} refuse made-up inputs and were only loaded"] if refusing else []
        more += [f"{self._unsteady} answer differently each time"] if self._unsteady else []
        return "; ".join([f"onnxruntime {self._engine.version}: {what}", *more])

    def judge(self) -> str:
        """Say which model answers otherwise ("" when none does)."""
        try:
            found = self._run()
        except EngineError as error:
            return str(error)
        for name, one in found.items():
            if one.missing:
                return one.missing
            if not one.is_same(self._before[name]):
                return f"the model {name} gives other outputs"
        return ""

    def _run(self) -> dict[str, _Answered]:
        from slsdeploy.bundle.prepare import comparing

        found = {}
        for model, _, file, preparation in self._models:
            self._runs += 1
            folder = self._scratch / f"answers-{self._runs}"
            folder.mkdir()
            job = {
                "model": file,
                "session": BY_NAME[preparation.choice].session,
                "samples": [str(path) for path in self._samples[model.name]],
                "answers": str(folder),
                "seconds": 0,
            }
            said: dict[str, Any] = self._engine.run("measure_model.py", job, self._tools, self._limit)
            found[model.name] = _Answered(comparing.read(folder), said.get("refused", {}), said.get("missing", ""))
        return found


@dataclass(frozen=True, slots=True)
class _Answered:
    """A model's outputs by sample, which samples it refuses and why, what could not be imported."""

    answers: Answers
    refused: Mapping[str, str]
    missing: str

    def is_same(self, other: _Answered) -> bool:
        """Compare every bit."""
        if self.answers.keys() != other.answers.keys() or self.refused.keys() != other.refused.keys():
            return False
        pairs = ((self.answers[name], other.answers[name]) for name in self.answers)
        return all(len(one) == len(two) and all(map(_is_same_array, one, two)) for one, two in pairs)


def _is_same_array(one: Any, other: Any) -> bool:
    return bool(one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes())
