"""Outputs that are no tensors: the lists of maps that scikit-learn's export makes of probabilities (ZipMap), and lists of tensors.

Their datatype is written `MAP<INT64,FP32>` (keys, values) or `TENSOR<FP32>`, and in arrays they are objects of the shape beside it: [-1]
is a list of them, [] a single one. In the short forms that is a list of objects, or of nested lists. The Open Inference Protocol has
tensors only: a list of maps becomes `NAME.keys` [keys] and `NAME.values` [maps, keys], a list of tensors of one shape is stacked.

Imported only for a model that has such an output.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from slsdeploy_runtime.manifest import Tensor
from slsdeploy_runtime.request import BadInput

Array = np.ndarray[Any, Any]
KEYS, VALUES = ".keys", ".values"
_MAP = re.compile(r"MAP<(?P<key>\w+),(?P<value>\w+)>")
_TENSOR = re.compile(r"TENSOR<(?P<value>\w+)>")


def elements(datatype: str) -> list[str]:
    """Return the datatypes that one of these is made of."""
    found = _MAP.fullmatch(datatype) or _TENSOR.fullmatch(datatype)
    return list(found.groups()) if found else [datatype]


def gather(value: Any) -> Array:
    """Put what onnxruntime returns for such an output (a list or a dict) into an array of objects."""
    if not isinstance(value, list):
        single: Array = np.empty((), dtype=object)
        single[()] = value
        return single
    many = np.empty(len(value), dtype=object)
    for index, item in enumerate(value):  # not all at once: numpy would look into arrays
        many[index] = item
    return many


def tensors(tensor: Tensor) -> tuple[Tensor, ...]:
    """Return the tensors that the Open Inference Protocol gets for an output; the output itself when it is one."""
    if found := _MAP.fullmatch(tensor.datatype):
        keys = Tensor(tensor.name + KEYS, found["key"], (-1,))
        return keys, Tensor(tensor.name + VALUES, found["value"], (*tensor.shape, -1))
    if found := _TENSOR.fullmatch(tensor.datatype):
        return (Tensor(tensor.name, found["value"], tensor.shape),)
    return (tensor,)


def flattened(tensor: Tensor, array: Array, dtypes: Mapping[str, np.dtype[Any]]) -> dict[str, Array]:
    """Return the arrays of those tensors. Raises BadInput when the maps' keys, or the tensors' shapes, differ."""
    if found := _MAP.fullmatch(tensor.datatype):
        key, value = dtypes[found["key"]], dtypes[found["value"]]
        maps = array.ravel().tolist()
        names = list(maps[0]) if maps else []
        if any(each.keys() != maps[0].keys() for each in maps):
            raise _uneven(tensor, "maps of different keys")
        table = np.array([[each[name] for name in names] for each in maps], dtype=value)
        keys = np.array(names, dtype=key)
        return {tensor.name + KEYS: keys, tensor.name + VALUES: table.reshape(*array.shape, len(names))}
    items: Sequence[Array] = array.ravel().tolist()
    if len({item.shape for item in items}) > 1:
        raise _uneven(tensor, "tensors of different shapes")
    value = dtypes[elements(tensor.datatype)[0]]
    return {tensor.name: np.stack(items).astype(value) if items else np.zeros(0, value)}


def _uneven(tensor: Tensor, what: str) -> BadInput:
    return BadInput(f"outputs.{tensor.name}: has {what}, for which the protocol has no form: ask with POST /predict")
