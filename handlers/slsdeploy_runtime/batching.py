"""Many asks -> as few runs of the model as it allows, each ask getting its own rows back.

Asks are stacked along the first dimension when the model takes records there and their other dimensions agree, up to the model's
`max_batch` rows, or as many as its fixed batch has; otherwise they run one by one. A stack that fails is tried again in halves, so
that only the poison ask fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from slsdeploy_runtime.decode import Array
from slsdeploy_runtime.model import Model
from slsdeploy_runtime.request import mismatch
from slsdeploy_runtime.unavailable import Unavailable

Arrays = Mapping[str, Array]
Predict = Callable[[Model, Arrays], Arrays]

# A stack's inputs may take so much memory; a queue's batch may hold 10,000 images, the smallest function has 128 MB.
MAX_STACK_BYTES = 16 * 1024 * 1024


def run_all(model: Model, asks: Sequence[Arrays], predict: Predict) -> list[Arrays | Exception]:
    """Return each ask's outputs, or what went wrong with it, in their order."""
    if len(asks) == 1:
        return [_try_one(model, asks[0], predict)]
    results: list[Arrays | Exception] = [{}] * len(asks)
    for stack in _stacks(model, asks):
        for index, answer in zip(stack, _run_stack(model, [asks[index] for index in stack], predict), strict=True):
            results[index] = answer
    return results


def run_one(model: Model, inputs: Arrays, predict: Predict) -> Arrays:
    """Run one ask, its rows in portions when there are more than the model takes at once; those of a fixed batch are filled up."""
    if model.batch == 0:
        return predict(model, inputs)
    rows = {name: len(array) for name, array in inputs.items()}
    count = max(rows.values())
    try:
        if model.batch == count or (model.batch == -1 and count <= (model.max_batch or count)):
            return predict(model, inputs)
        return _run_portions(model, inputs, predict)
    except Unavailable:
        raise
    except Exception as error:
        if len(set(rows.values())) > 1:
            found = ", ".join(f"{name} {size}" for name, size in rows.items())
            raise mismatch("inputs", f"different numbers of rows ({found})", "as many of each") from error
        raise


def _run_portions(model: Model, inputs: Arrays, predict: Predict) -> Arrays:
    rows, size = _rows(inputs), _most_rows(model)
    portions = [_slice(inputs, start, start + size) for start in range(0, rows, size)]
    short = size - _rows(portions[-1])
    if short and model.batch > 0:  # the last portion is filled up with its first row, whose answers are dropped
        last = portions[-1]
        portions[-1] = {name: np.concatenate([array, *([array[:1]] * short)]) for name, array in last.items()}
    first = predict(model, portions[0])
    if model.batch == -1 and not _has_rows(first, size):
        return predict(model, inputs)  # what it says of all rows together is not to be had in portions
    answers = [first, *(predict(model, portion) for portion in portions[1:])]
    return {name: np.concatenate([answer[name] for answer in answers])[:rows] for name in answers[0]}


def _try_one(model: Model, inputs: Arrays, predict: Predict) -> Arrays | Exception:
    try:
        return run_one(model, inputs, predict)
    except Exception as error:
        return error


def _stacks(model: Model, asks: Sequence[Arrays]) -> Iterable[list[int]]:
    """Group the asks' indices: those of one group may run together."""
    most = _most_rows(model)
    if most == 1:
        return [[index] for index in range(len(asks))]
    groups: dict[object, list[list[int]]] = {}
    sizes: dict[object, tuple[int, int]] = {}
    for index, inputs in enumerate(asks):
        key: object = tuple((name, array.dtype, array.shape[1:]) for name, array in sorted(inputs.items()))
        if len({len(array) for array in inputs.values()}) > 1:
            key = index  # its inputs do not agree on what a row is
        rows, size = _rows(inputs), sum(array.nbytes for array in inputs.values())
        before, held = sizes.get(key, (0, 0))
        if key not in groups or (most and before + rows > most) or held + size > MAX_STACK_BYTES:
            groups.setdefault(key, []).append([])
            before, held = 0, 0
        groups[key][-1].append(index)
        sizes[key] = (before + rows, held + size)
    return [stack for stacks in groups.values() for stack in stacks]


def _most_rows(model: Model) -> int:
    """Return how many rows a run takes at most, 0 for any number; 1 for a model that does not take rows: no two asks of it run together."""
    if model.batch == 0:
        return 1
    return model.batch if model.batch > 0 else model.max_batch or 0


def _run_stack(model: Model, asks: Sequence[Arrays], predict: Predict) -> Sequence[Arrays | Exception]:
    """Run asks together and give each its rows; in halves when they fail together, alone when the answer has not a row for each."""
    if len(asks) == 1:
        return [_try_one(model, asks[0], predict)]
    rows = [_rows(inputs) for inputs in asks]
    stacked = {name: np.concatenate([inputs[name] for inputs in asks]) for name in asks[0]}
    try:
        outputs = run_one(model, stacked, predict)
    except Unavailable as error:  # not for anything that is asked
        return [error] * len(asks)
    except Exception:
        half = len(asks) // 2
        return [*_run_stack(model, asks[:half], predict), *_run_stack(model, asks[half:], predict)]
    if not _has_rows(outputs, sum(rows)):
        return [_try_one(model, inputs, predict) for inputs in asks]
    ends = np.cumsum(rows).tolist()
    return [_slice(outputs, end - count, end) for end, count in zip(ends, rows, strict=True)]


def _has_rows(outputs: Arrays, rows: int) -> bool:
    return bool(outputs) and all(array.shape[:1] == (rows,) for array in outputs.values())


def _slice(arrays: Arrays, start: int, end: int) -> dict[str, Array]:
    return {name: array[start:end] for name, array in arrays.items()}


def _rows(inputs: Arrays) -> int:
    return len(next(iter(inputs.values())))
