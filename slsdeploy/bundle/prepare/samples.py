"""ModelInfo -> inputs to try a model with: what its answers are compared on, and how fast it is measured on.

The first is what `invoke --sample` sends: one row. The second has other values and, where sizes are free, several rows of another length.
They are the same at every call, on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from slsdeploy.bundle.sample import sample_inputs
from slsdeploy.types import ModelInfo, Tensor
from slsdeploy_runtime.decode import DTYPES

_ROWS, _LENGTH, _IMAGE = 3, 5, 64
_SEED = 1
Arrays = Mapping[str, "np.ndarray[Any, Any]"]


def make(info: ModelInfo) -> list[Arrays]:
    """Make the samples."""
    usual = sample_inputs(info)
    first = {
        tensor.name: np.asarray(usual[tensor.name], DTYPES[tensor.datatype]).reshape(_shape(tensor, usual[tensor.name]))
        for tensor in info.inputs
    }
    random = np.random.Generator(np.random.PCG64(_SEED))
    return [first, {tensor.name: _other(tensor, random) for tensor in info.inputs}]


def save(samples: list[Arrays], folder: Path) -> list[Path]:
    """Write each as an .npz file; strings as numpy's own, which need no pickle to be read."""
    paths = []
    for number, sample in enumerate(samples):
        paths.append(folder / f"sample-{number}.npz")
        plain = {name: array.astype(str) if array.dtype.kind == "O" else array for name, array in sample.items()}
        with paths[-1].open("wb") as stream:
            np.savez(stream, allow_pickle=False, **plain)
    return paths


def _shape(tensor: Tensor, nested: Any) -> tuple[int, ...]:
    """Return the shape of nested lists; numpy does not see the inner ones of an empty list."""
    sizes = []
    for _ in tensor.shape:
        sizes.append(len(nested))
        nested = nested[0] if nested else []
    return tuple(sizes)


def _other(tensor: Tensor, random: np.random.Generator) -> np.ndarray[Any, Any]:
    free = _IMAGE if len(tensor.shape) == 4 else _LENGTH
    shape = tuple(size if size >= 0 else _ROWS if axis == 0 else free for axis, size in enumerate(tensor.shape))
    size, dtype = prod(shape), DTYPES[tensor.datatype]
    values: Any
    if dtype.kind == "O":
        values = [("a", "text", "")[index % 3] for index in range(size)]
    elif dtype.kind == "b":
        values = [index % 2 == 0 for index in range(size)]
    elif dtype.kind == "f":
        values = random.standard_normal(size)
    else:
        values = [
            index % 2 for index in range(size)
        ]  # 0 and 1 are valid tokens, categories and masks nearly everywhere
    return np.asarray(values, dtype).reshape(shape)
