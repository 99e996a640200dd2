"""Answers -> plain JSON values: numpy of any kind becomes lists and numbers, and what JSON cannot say (NaN, infinity) null."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


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
            return plain(value.item(), where)
        case Mapping():
            return {_key(key, where): plain(item, f"{where}[{key!r}]") for key, item in value.items()}
        case list() | tuple():
            return [plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
        case _:
            raise NotJson(
                f"{where} is a {type(value).__name__}, which JSON cannot hold: make it numbers, texts or lists"
            )


def _array(array: np.ndarray[Any, Any], where: str) -> Any:
    if array.dtype.kind == "f":
        finite = np.isfinite(array)
        if not finite.all():
            array = array.astype(object)
            array[~finite] = None
        return array.tolist()
    if array.dtype.kind in "biuU":
        return array.tolist()
    return plain(array.tolist(), where)  # objects, bytes, dates: each looked at


def _key(key: Any, where: str) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, int | float | np.integer | np.floating):
        return str(key)
    raise NotJson(f"{where} has the key {key!r}, which JSON cannot hold: make it a text")
