"""What answers in a model's place when it cannot be loaded, fails, or takes too long: another model, or a constant.

The caller's mistakes never come here. Chains end: the build refuses circles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from slsdeploy_runtime import batching
from slsdeploy_runtime.batching import Arrays
from slsdeploy_runtime.decode import DTYPES, Array
from slsdeploy_runtime.model import Model
from slsdeploy_runtime.request import BadInput
from slsdeploy_runtime.telemetry import Telemetry
from slsdeploy_runtime.unavailable import Unavailable

CONSTANT = "constant"


class By(NamedTuple):
    """Who answered in a model's place (None: a constant), and why: "load", "error" or "timeout"."""

    model: Model | None
    reason: str

    @property
    def name(self) -> str:
        return self.model.name if self.model else CONSTANT


class Instead(NamedTuple):
    """The outputs that a request gets from its model's fallback."""

    outputs: Arrays
    by: By


Result = Arrays | Instead | Exception


class Fallbacks:
    """The fallbacks of this function's models; `predict` runs a model."""

    def __init__(self, models: Mapping[str, Model], predict: batching.Predict, telemetry: Telemetry) -> None:
        self._models = models
        self._predict = predict
        self._telemetry = telemetry

    def answer(self, model: Model, asks: Sequence[Arrays], results: Sequence[Arrays | Exception]) -> list[Result]:
        """Return the results of a model's asks, with its fallback's where it failed; its own error where that fails too."""
        answers: list[Result] = list(results)
        failed = {
            index: result
            for index, result in enumerate(results)
            if isinstance(result, Exception) and not isinstance(result, BadInput)
        }
        if failed and model.entry.fallback is not None:
            self._tell(model, failed.values())
            found = self._ask(model, [asks[index] for index in failed], model.entry.fallback)
            for (index, error), answer in zip(failed.items(), found, strict=True):
                if not isinstance(answer, Exception):
                    answers[index] = Instead(answer.outputs, By(answer.by.model, _reason(error)))
            if count := sum(isinstance(answer, Instead) for answer in found):
                self._telemetry.fell_back(count)
        return answers

    def _ask(self, model: Model, asks: Sequence[Arrays], fallback: Mapping[str, Any]) -> list[Instead | Exception]:
        if "outputs" in fallback:
            return [Instead(_constant(model, inputs, fallback["outputs"]), By(None, "")) for inputs in asks]
        other = self._models[fallback["model"]]
        found = batching.run_all(other, asks, self._predict)
        if other.entry.fallback is None:
            self._tell(other, [each for each in found if isinstance(each, Exception)])
        results = self.answer(other, asks, found)
        return [each if isinstance(each, Instead | Exception) else Instead(each, By(other, "")) for each in results]

    def _tell(self, model: Model, errors: Any) -> None:
        """Log each failure once; many asks, and later requests, may have failed for one."""
        for error in {id(each): each for each in errors}.values():
            if not (isinstance(error, Unavailable) and error.is_old):
                self._telemetry.fallback(model.name, _reason(error), error)


def _reason(error: Exception) -> str:
    return error.reason if isinstance(error, Unavailable) else "error"


def _constant(model: Model, inputs: Arrays, outputs: Mapping[str, Any]) -> dict[str, Array]:
    """Repeat one row for each row of the inputs; for a model that takes no rows, the values are all of its outputs."""
    rows = len(next(iter(inputs.values()))) if model.batch else 0
    arrays = {}
    for tensor in model.outputs:
        row = np.asarray(outputs[tensor.name], dtype=DTYPES[tensor.datatype])
        arrays[tensor.name] = np.repeat(row[np.newaxis], rows, axis=0) if model.batch else row
    return arrays
