"""How much memory loaded models may take together, and which of them goes when another one needs it."""

from __future__ import annotations

import os
from collections.abc import Sequence

from slsdeploy_runtime import memory
from slsdeploy_runtime.manifest import ModelEntry
from slsdeploy_runtime.memory import MB
from slsdeploy_runtime.model import Model
from slsdeploy_runtime.telemetry import Telemetry

# of the function's memory, for requests and answers while models run
SPARE = 0.1
# onnxruntime parses what is in a model's file and copies it; the allocator keeps what is freed then (measured with 90 MB: 225 MB in use
# after the load, 145 when that is given back, in 5 to 20 ms)
LARGE = 4 * MB


class Room:
    """The memory that the models share. A single model has all of it: nothing is measured, nothing goes."""

    def __init__(self, models: Sequence[Model], megabytes: int | None, telemetry: Telemetry) -> None:
        self._models = models
        self._limit = None if megabytes is None else megabytes * MB
        self._is_given = self._is_measured = megabytes is not None
        self._learnt: dict[str, int] = {}
        self._telemetry = telemetry

    def fits(self, model: Model) -> bool:
        """Say whether a model fits beside those that are loaded."""
        return len(self._models) == 1 or self._is_enough(self._need(model.entry), self._others(model))

    def make(self, model: Model) -> None:
        """Let models go, the least recently used first, until this one fits; those in use stay.

        To be called once the engine is imported: what the function's memory leaves is measured the first time.
        """
        if len(self._models) == 1:
            return
        need, others = self._need(model.entry), self._others(model)
        gone = []
        for other in sorted(others, key=lambda each: each.last_used):
            if self._is_enough(need, others):
                break
            if other.drop():
                others.remove(other)
                gone.append(other.name)
        if gone:
            memory.give_back()
            self._telemetry.logger.info("models evicted", models=gone, to_load=model.name)
        if not self._is_enough(need, others):
            self._warn(model, need, others)

    def empty(self, model: Model) -> bool:
        """Let all other models go that are not in use; say whether any did."""
        gone = [other.name for other in self._others(model) if other.drop()]
        if gone:
            memory.give_back()
            self._telemetry.logger.warning("memory is used up: models evicted", models=gone, needed_by=model.name)
        return bool(gone)

    def learn(self, model: Model, before: int) -> None:
        """Remember how much memory a model took that was just loaded; `before` is what was in use then."""
        if len(self._models) == 1:
            return
        if _inline(model.entry) >= LARGE:
            memory.trim()
        # weights that are mapped count once they are used
        self._learnt[model.name] = max(memory.resident() - before, model.entry.bytes)

    def _others(self, model: Model) -> list[Model]:
        return [other for other in self._models if other is not model and other.is_loaded]

    def _need(self, entry: ModelEntry) -> int:
        """Return the bytes that a model takes; where the function's memory is the limit, with the copy of its file while it is loaded."""
        copy = 0 if self._is_given else _inline(entry)
        return self._learnt.get(entry.name, entry.bytes) + copy

    def _is_enough(self, need: int, others: Sequence[Model]) -> bool:
        limit = self._measured_limit()
        return limit is None or need + self._taken(others) <= limit

    def _taken(self, others: Sequence[Model]) -> int:
        return sum(self._learnt.get(other.name, other.entry.bytes) for other in others)

    def _measured_limit(self) -> int | None:
        """Return what the models may take; measured when there is no model yet, and everything else is imported."""
        if not self._is_measured:
            self._is_measured = True
            whole = memory.limit()
            if whole is not None:
                self._limit = max(0, int(whole * (1 - SPARE)) - memory.resident())
        return self._limit

    def _warn(self, model: Model, need: int, others: Sequence[Model]) -> None:
        limit = self._limit or 0
        self._telemetry.logger.warning(
            "model does not fit into the memory for models; it is loaded all the same",
            model=model.name,
            needs_mb=need // MB,
            may_have_mb=(limit - self._taken(others)) // MB,
            in_use=[other.name for other in others],
        )


def _inline(entry: ModelEntry) -> int:
    """Return how many bytes of a model are in its main file, and not in files beside it that are mapped."""
    try:
        return min(os.stat(entry.path).st_size, entry.bytes)
    except OSError:  # it is fetched first
        return entry.bytes
