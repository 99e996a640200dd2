"""Trials -> the phases of a cold start, in their order, each with its median and spread. Pure.

A phase lasts from the mark before it to its own, so a trial's phases add up to its time to the first answer. The medians of the
phases add up to nearly that. `weights` and the packages' imports are parts of phases, measured by themselves, and not to be added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from slsdeploy.bench.spread import Spread, spread
from slsdeploy.local.trial import Trial

LABELS = {
    "python": "process start",
    "client": "runtime client",
    "imports": "imports",
    "settings": "manifest, secrets",
    "events": "handler, events",
    "fetch": "model fetched",
    "verify": "model hashed",
    "engine": "import onnxruntime",
    "session": "session built",
    "warm_up": "warm-up",
    "ready": "ready for events",
    "answer": "first answer",
}
MEANINGS = {
    "python": "from exec to the first line of Python",
    "client": "Lambda's runtime client is imported, and calls the handler's module",
    "imports": "the runtime's own imports: numpy, Powertools",
    "settings": "slsdeploy.json is read, secrets are fetched",
    "events": "the project's handler and the event sources are imported",
    "fetch": "a model that does not ship comes from S3, or is looked at on the file system",
    "verify": "with `verify = true`: the model's files are hashed, and compared with what was built",
    "engine": "mostly the loading of one shared object",
    "session": "the model's graph and weights become a session",
    "weights": "part of the session: reading the model's files once more, from the page cache, by themselves",
    "warm_up": "each model runs once on zeros",
    "ready": "until the client asks for the first event",
    "answer": "the first event, there and back",
}


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase, in milliseconds; `start` is when it begins in a start that is median throughout."""

    name: str
    label: str
    start: float
    took: Spread
    part_of: str | None = None

    @property
    def meaning(self) -> str:
        return MEANINGS.get(self.name, "")

    def document(self) -> dict[str, object]:
        """Return it for a JSON document."""
        named = {"name": self.name, "label": self.label, "part_of": self.part_of, "start_ms": round(self.start, 3)}
        return {**named, **{f"{key}_ms": value for key, value in self.took.rounded().items()}}


def durations(trial: Trial) -> dict[str, float]:
    """Return how long each phase of a trial took, in milliseconds and in order; phases of one name together."""
    line = [
        ("", trial.began),
        ("python", trial.python),
        *trial.marks,
        ("ready", trial.ready),
        ("answer", trial.answered),
    ]
    took: dict[str, float] = {}
    for (_, before), (name, after) in pairwise(line):
        took[name] = took.get(name, 0.0) + (after - before) * 1000
    return took


def make_phases(trials: Sequence[Trial], weights: Sequence[float] = ()) -> list[Phase]:
    """Return the phases of at least one trial; `weights` are the times it took to read the model's files."""
    each = [durations(trial) for trial in trials]
    found: list[Phase] = []
    start = 0.0
    for name in _names(each):
        took = spread([one.get(name, 0.0) for one in each])
        found.append(Phase(name, LABELS.get(name, name), start, took))
        if name == "session" and weights:
            found.append(Phase("weights", "weights read", start, spread(weights), part_of="session"))
        start += took.median
    return found


def _names(each: Sequence[Mapping[str, float]]) -> list[str]:
    """Return the names of all trials, in the order in which they first come."""
    return list(dict.fromkeys(name for one in each for name in one))
