"""Answers -> plain JSON values: numpy of any kind becomes lists and numbers, and what JSON cannot say (NaN, infinity) null."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class NotJson(TypeError):
    """An answer holds something that JSON cannot."""


def plain(value: Any, where: str = "the answer") -> Any:
    """Return `value` as JSON's own types. Raises NotJson, with the place, for what has no JSON form."""
    match value:
        case None | str() | bool() | int():
            # subclasses too (an IntEnum, numpy's str_): json would write them as their base
            return value
        case float():
            return value if math.isfinite(value) else None
        case np.ndarray():
            return _array(value, where)
        case np.generic():
            return _array(np.asarray(value), where)
        case Mapping():
            return {_key(key, where): plain(item, f"{where}[{key!r}]") for key, item in value.items()}
        case list() | tuple():
            return [plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
        case _:
            raise NotJson(
                f"{where} is a {type(value).__name__}, which JSON cannot hold: make it numbers, texts or lists"
            )


def _array(array: Array, where: str) -> Any:
    if type(array) is not np.ndarray and hasattr(array, "mask"):  # numpy.ma takes 36 ms to import
        values = np.asarray(array).astype(object)
        values[array.mask] = None
        return plain(values.tolist(), where)
    kind = array.dtype.kind
    if kind == "f":
        return _floats(array)
    if kind in "biuU":
        return array.tolist()
    if kind == "O":
        return plain(array.tolist(), where)
    return _other(array, where)


def _floats(array: Array) -> Any:
    finite = np.isfinite(array)
    if array.dtype.itemsize > 8:  # JSON's readers have no longer ones; one out of their range is an infinity to them
        with np.errstate(over="ignore"):
            array = array.astype(np.float64)
        finite = np.isfinite(array)
    if not finite.all():
        array = array.astype(object)
        array[~finite] = None
    return array.tolist()


def _other(array: Array, where: str) -> Any:
    """Write what JSON has no word for, as it is usually written: dates as ISO texts, complex numbers as pairs, records as objects."""
    kind = array.dtype.kind
    if array.dtype.names:
        if array.ndim:
            return [_array(each, where) for each in array]
        return {name: plain(array[name][()], f"{where}[{name!r}]") for name in array.dtype.names}
    if kind == "c":
        return _floats(np.stack([array.real, array.imag], axis=-1))
    if kind in "mM":
        texts = array.astype(str).astype(object)
        texts[np.isnat(array)] = None
        return texts.tolist()
    if kind == "S":
        try:
            return np.char.decode(array, "utf-8").tolist()
        except UnicodeDecodeError:
            raise NotJson(f"{where} has bytes that are no text in UTF-8, which JSON cannot hold") from None
    if kind == "T":  # numpy's StringDType
        return array.tolist()
    raise NotJson(f"{where} is an array of {array.dtype}, which JSON cannot hold: make it numbers, texts or lists")


def _key(key: Any, where: str) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, int | float | np.integer | np.floating):
        return str(key)
    raise NotJson(f"{where} has the key {key!r}, which JSON cannot hold: make it a text")
