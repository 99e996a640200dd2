"""The texts in the cells of a table -> an array of an input's datatype. A text is what it says: nothing is guessed, nothing wraps.

Numbers are written as usual; those with a fraction may be `nan` or `inf`. Booleans are true and false, or 1 and 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slsdeploy_runtime.decode import DTYPES, Array

_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


def is_number(text: str) -> bool:
    """Say whether a cell holds a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def as_array(cells: Sequence[str], datatype: str) -> Array:
    """Return the values of cells. Raises ValueError when one of them has none, or one that does not fit."""
    dtype = DTYPES[datatype]
    if dtype.kind == "O":
        return _texts(cells)
    if dtype.kind == "b":
        return np.array([_boolean(cell) for cell in cells], dtype)
    everything = "".join(cells)
    if "_" in everything or not everything.isascii():  # Python takes 1_000 and digits of all scripts
        raise ValueError("no number")
    return _floats(cells, dtype) if dtype.kind == "f" else _integers(cells, dtype)


def _texts(cells: Sequence[str]) -> Array:
    found = np.empty(len(cells), dtype=object)
    found[:] = cells
    return found


def _boolean(cell: str) -> bool:
    found = _BOOLEANS.get(cell.strip().lower())
    if found is None:
        raise ValueError("no boolean")
    return found


def _floats(cells: Sequence[str], dtype: np.dtype[np.generic]) -> Array:
    found = np.fromiter(map(float, cells), np.float64, len(cells))
    if dtype == np.float64:
        return found
    with np.errstate(over="ignore"):
        cast = found.astype(dtype)
    if not (np.isfinite(cast) | ~np.isfinite(found)).all():
        raise ValueError("too large")
    return cast


def _integers(cells: Sequence[str], dtype: np.dtype[np.generic]) -> Array:
    try:
        found = [int(cell) for cell in cells]
    except ValueError:
        found = [_whole(cell) for cell in cells]
    limits = np.iinfo(dtype)  # type: ignore[type-var]
    if found and not limits.min <= min(found) <= max(found) <= limits.max:
        raise ValueError("too large")
    return np.array(found, dtype)


def _whole(cell: str) -> int:
    """Read 1.0 for 1, as JSON's integers are read."""
    try:
        return int(cell)
    except ValueError:
        number = float(cell)
        if not number.is_integer():
            raise ValueError("not whole") from None
        return int(number)
