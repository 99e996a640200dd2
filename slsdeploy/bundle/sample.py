"""ModelInfo -> a small valid input, as JSON would hold it: what `invoke --sample` sends when nobody has an example at hand."""

from __future__ import annotations

from itertools import count
from math import prod
from typing import Any

from slsdeploy.types import ModelInfo, Tensor

# Sizes for dynamic dimensions: one row, a short sequence, an image that common networks can still halve five times.
_BATCH, _LENGTH, _IMAGE = 1, 8, 32


def sample_inputs(info: ModelInfo) -> dict[str, Any]:
    """Make nested lists for each input: numbers from 0 to 1, integers 1, strings "text"; the same at every call."""
    return {tensor.name: _nested(_values(tensor), _shape(tensor)) for tensor in info.inputs}


def _shape(tensor: Tensor) -> tuple[int, ...]:
    dynamic = _IMAGE if len(tensor.shape) == 4 else _LENGTH
    return tuple(size if size >= 0 else _BATCH if axis == 0 else dynamic for axis, size in enumerate(tensor.shape))


def _values(tensor: Tensor) -> list[Any]:
    size = prod(_shape(tensor))
    if tensor.datatype == "BYTES":
        return ["text"] * size
    if tensor.datatype == "BOOL":
        return [True] * size
    if tensor.datatype.startswith("FP"):
        return [index % 11 / 10 for index in range(size)]
    return [1] * size  # 1 is a valid token, category and mask nearly everywhere


def _nested(values: list[Any], shape: tuple[int, ...]) -> Any:
    position = count()

    def level(sizes: tuple[int, ...]) -> Any:
        if not sizes:
            return values[next(position)]
        return [level(sizes[1:]) for _ in range(sizes[0])]

    return level(shape)
