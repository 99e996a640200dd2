"""A model and an engine -> its candidates, measured in turns in fresh processes, their answers compared; and the one that wins."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

from slsdeploy.bundle import tree
from slsdeploy.bundle.parts import Kept
from slsdeploy.bundle.prepare import candidates, choosing, comparing, making, samples
from slsdeploy.bundle.prepare.candidates import PLAIN, Candidate
from slsdeploy.bundle.prepare.choosing import CLEARLY_MS
from slsdeploy.bundle.prepare.comparing import Answers
from slsdeploy.bundle.prepare.engine import Engine, EngineError
from slsdeploy.errors import BuildError
from slsdeploy.tools import Tools
from slsdeploy.types import Measured, Model, ModelInfo, Preparation

_ROUNDS = 3
_ENOUGH_SECONDS = 15.0
# A model that looks slow may only have been interrupted; one of so few bytes is loaded in a millisecond or two.
_TRIES, _DOUBTFUL_MS = 3, 4 * CLEARLY_MS
_SMALL_BYTES = 64 * 1024
_WARM_SECONDS = 0.1
# After one turn, what is so far behind the best does not catch up, not even on a busy machine.
_HOPELESS = 1.6
ORIGINAL = "original"  # the row of a model that is quantized


class CannotMeasure(Exception):
    """Nothing can be said about a model; says in one line why.

    `is_models`: it is the model's own nature, on any machine; `is_passing`: the next build may have more luck.
    """

    def __init__(self, reason: str, *, is_models: bool = False, is_passing: bool = False) -> None:
        super().__init__(reason)
        self.is_models = is_models
        self.is_passing = is_passing


@dataclass(frozen=True, slots=True)
class Bench:
    """What the runs of one model share: the samples' files, and a folder for answers."""

    model: Model
    info: ModelInfo
    engine: Engine
    tools: Tools
    samples: Sequence[Path]
    folder: Path

    def run(self, candidate: Candidate, file: Path, answers: Path | None = None) -> dict[str, Any]:
        """Load a candidate in a fresh process and answer a sample; all of them, when the answers are wanted. Raises EngineError."""
        if answers is not None:
            answers.mkdir(exist_ok=True)
        job = {
            "model": file,
            "session": candidate.session,
            "samples": [str(path) for path in self.samples],
            "answers": str(answers) if answers else None,
            "seconds": _WARM_SECONDS,
        }
        return self.engine.run("measure_model.py", job, self.tools)

    def measure(self, candidate: Candidate, file: Path, bytes_: int) -> Measured:
        """Return one turn's numbers."""
        return _measured(candidate.name, self.run(candidate, file), bytes_)


def measure(model: Model, info: ModelInfo, engine: Engine, tools: Tools) -> Preparation:
    """Measure a model's candidates and choose one.

    Raises BuildError when it is to be quantized and cannot be, CannotMeasure when its own answers are not to be had.
    """
    with tempfile.TemporaryDirectory(prefix="slsdeploy-") as scratch:
        folder = Path(scratch)
        bench = Bench(model, info, engine, tools, samples.save(samples.make(info), folder), folder)
        try:
            return _measure(bench)
        except EngineError as error:
            raise CannotMeasure(str(error), is_passing=True) from error


def _measure(bench: Bench) -> Preparation:
    model = bench.model
    said = bench.run(PLAIN, model.path, bench.folder / ORIGINAL)
    if "missing" in said:
        raise CannotMeasure(f"the function's packages do not work here: {said['missing']}")
    answers = comparing.read(bench.folder / ORIGINAL)
    if not answers:
        refused = next(iter(said["refused"].values()), "")
        raise CannotMeasure(f"the model refuses made-up inputs: {refused}", is_models=True)
    original = _measured(ORIGINAL if model.quantize else PLAIN.name, said, bench.info.bytes)
    return _quantized(bench, original, answers) if model.quantize else _choose(bench, original, answers, None)


def verify(model: Model, info: ModelInfo, candidate: Candidate, made: Path, tools: Tools, engine: Engine) -> str:
    """Compare a candidate that was made as the lock says to what it was made from; return what is wrong with it ("" when nothing is)."""
    with tempfile.TemporaryDirectory(prefix="slsdeploy-") as scratch:
        folder = Path(scratch)
        bench = Bench(model, info, engine, tools, samples.save(samples.make(info), folder), folder)
        try:
            bench.run(PLAIN, making.base(model, info, engine, tools), folder / PLAIN.name)
            bench.run(candidate, made / model.path.name, folder / candidate.name)
        except EngineError as error:
            return str(error)
        found = comparing.read(folder / PLAIN.name), comparing.read(folder / candidate.name)
        return comparing.compare(*found, info).problem


def _quantized(bench: Bench, original: Measured, answers: Answers) -> Preparation:
    model, info = bench.model, bench.info
    kept = making.keep(model, info, PLAIN, bench.engine, bench.tools)
    if not kept.files:
        return _choose(bench, replace(original, candidate=PLAIN.name), answers, None)
    file = kept.tree / model.path.name
    try:
        said = bench.run(PLAIN, file, bench.folder / "quantized")
    except EngineError as error:
        raise _useless(model, f"onnxruntime does not load it: {error}") from error
    found = comparing.read(bench.folder / "quantized")
    if not comparing.is_usable(answers, found) or found.keys() != answers.keys():
        raise _useless(model, "its outputs have no numbers where the model's have")
    difference = comparing.compare(answers, found, info).difference
    plain = replace(_measured(PLAIN.name, said, kept.bytes), difference=difference)
    chosen = _choose(bench, plain, found, kept)
    return replace(chosen, quantized_difference=difference, measured=(original, *chosen.measured))


def _useless(model: Model, reason: str) -> BuildError:
    hint = 'leave out `quantize = "int8"` for this model, or quantize it where it was trained'
    return BuildError(f"model {model.name} is of no use when quantized: {reason}", hint, str(model.path))


def _choose(bench: Bench, plain: Measured, answers: Answers, quantized: Kept | None) -> Preparation:
    """Measure what may be better than the plain candidate; `quantized` holds its files when they are not the model's own."""
    model = bench.model
    source = quantized.tree / model.path.name if quantized else model.path
    is_open = model.optimize != "off" and plain.bytes > _SMALL_BYTES
    for _ in range(_TRIES):
        if is_open and CLEARLY_MS <= plain.answer_ms < _DOUBTFUL_MS:
            plain = _better(plain, bench.measure(PLAIN, source, plain.bytes))
    made: dict[str, Kept] = {PLAIN.name: quantized} if quantized else {}
    rows = [plain]
    if is_open and choosing.can_be_beaten(plain):
        _check_repeats(bench, source, answers)
        rows = _others(bench, source, plain, answers, made)
    choice = choosing.choose(rows)
    for name in made.keys() - {choice, PLAIN.name}:
        if choice not in made or made[name].folder != made[choice].folder:
            tree.remove(made[name].folder)
    row = next(row for row in rows if row.candidate == choice)
    return Preparation(
        model=model.name,
        choice=choice,
        onnxruntime=bench.engine.version if choice in made else "",
        optimize=model.optimize,
        quantize=model.quantize,
        bytes=row.bytes,
        digest=making.digest(made[choice]) if choice in made else "",
        difference=0.0 if choice == PLAIN.name else row.difference,
        measured=tuple(rows),
    )


def _check_repeats(bench: Bench, source: Path, answers: Answers) -> None:
    """Make sure that the same inputs get the same answers; else nothing can be compared."""
    bench.run(PLAIN, source, bench.folder / "again")
    problem = comparing.compare(answers, comparing.read(bench.folder / "again"), bench.info).problem
    if problem:
        raise CannotMeasure(f"the same inputs get other answers each time ({problem})", is_models=True)


def _others(bench: Bench, source: Path, plain: Measured, answers: Answers, made: dict[str, Kept]) -> list[Measured]:
    """Return the rows of all candidates, the plain one first; what was made of them goes into `made`."""
    native = bench.model.optimize == "native" and bench.engine.is_targets
    found = {item.name: item for item in candidates.of(source, bench.info, native=native)}
    rows = {PLAIN.name: plain}
    for name, candidate in list(found.items())[1:]:
        rows[name] = _first(bench, candidate, answers, made)
    best = min(row.answer_ms for row in rows.values() if not row.dropped)
    until = monotonic() + _ENOUGH_SECONDS
    for number in range(1, _ROUNDS):
        if number > 1 and monotonic() > until:
            break
        for name in _hopeful(rows, best):
            file = made[name].tree / source.name if name in made else source
            try:
                again = bench.measure(found[name], file, rows[name].bytes)
                rows[name] = _better(rows[name], again)
            except EngineError as error:
                rows[name] = replace(rows[name], dropped=str(error))
    return list(rows.values())


def _hopeful(rows: dict[str, Measured], best: float) -> Iterator[str]:
    for name, row in list(rows.items()):
        if not row.dropped and (name == PLAIN.name or row.answer_ms <= best * _HOPELESS):
            yield name


def _first(bench: Bench, candidate: Candidate, answers: Answers, made: dict[str, Kept]) -> Measured:
    """Make a candidate, measure it once and compare its answers."""
    name, folder = candidate.name, bench.folder / candidate.name
    bytes_ = 0
    try:
        kept = made[name] = making.keep(bench.model, bench.info, candidate, bench.engine, bench.tools)
        bytes_ = kept.bytes
        said = bench.run(candidate, kept.tree / bench.model.path.name, folder)
    except EngineError as error:
        if error.is_passing:
            raise
        return Measured(name, 0.0, 0.0, 0.0, 0.0, bytes_, dropped=str(error))
    compared = comparing.compare(answers, comparing.read(folder), bench.info)
    return replace(_measured(name, said, bytes_), difference=compared.difference, dropped=compared.problem)


def _measured(name: str, said: dict[str, Any], bytes_: int) -> Measured:
    return Measured(name, said["session_ms"], said["first_ms"], said["warm_ms"], said["resident_mb"], bytes_)


def _better(one: Measured, other: Measured) -> Measured:
    """Return the least of two turns, which is the one with the least of other programs in it."""
    return replace(
        one,
        session_ms=min(one.session_ms, other.session_ms),
        first_ms=min(one.first_ms, other.first_ms),
        warm_ms=min(one.warm_ms, other.warm_ms),
        resident_mb=min(one.resident_mb, other.resident_mb),
    )
