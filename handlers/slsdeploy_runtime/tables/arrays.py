"""Numbers that are numpy's already -> an input's datatype and shape: in a .npy, a .npz, the columns of a Parquet file.

NaN stays NaN. A value that the datatype cannot hold is refused, not wrapped.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from slsdeploy_runtime.decode import DTYPES, Array, check_sizes, signature_text
from slsdeploy_runtime.manifest import Tensor
from slsdeploy_runtime.request import BadInput, mismatch


def check_kind(dtype: np.dtype[np.generic], tensor: Tensor, field: str) -> None:
    """Raise BadInput when an array's values are of a kind that an input does not take."""
    want = DTYPES[tensor.datatype]
    fits = dtype.kind in "SUO" if want.kind == "O" else np.can_cast(dtype, want, "same_kind")
    if want.kind in "iu":  # whole numbers without a sign may have one in the file
        fits = dtype.kind in "iu"
    if not fits:
        raise mismatch(field, f"an array of {dtype}", signature_text(tensor))


def check_row(row: Sequence[int], tensor: Tensor, field: str) -> None:
    """Raise BadInput when rows of this shape are not an input's. A column of single values may stand for rows of one."""
    if not (not row and tensor.shape[1:] == (1,)):
        check_sizes((1, *row), tensor, field, skip=1)


def cast(values: Array, tensor: Tensor, field: str) -> Array:
    """Return rows in an input's datatype and shape. Raises BadInput when one of them does not fit."""
    want = DTYPES[tensor.datatype]
    if values.ndim == 1 and tensor.shape[1:] == (1,):
        values = values.reshape(-1, 1)
    if want.kind == "O":
        return _texts(values, tensor, field)
    if values.dtype == want:
        return values
    with np.errstate(over="ignore", invalid="ignore"):
        made: Array = values.astype(want)
    if want.kind == "f":
        fits = np.isfinite(made) | ~np.isfinite(values)
    elif want.kind in "iu":
        limits = np.iinfo(want)
        fits = (values >= limits.min) & (values <= limits.max)
    else:
        return made
    if not fits.all():
        raise mismatch(field, f"the number {values[~fits][0]}", f"what fits {tensor.datatype}")
    return made


def _texts(values: Array, tensor: Tensor, field: str) -> Array:
    if values.dtype.kind == "S":
        try:
            return np.char.decode(values, "utf-8").astype(object)
        except UnicodeDecodeError:
            raise mismatch(field, "bytes that are no UTF-8", signature_text(tensor)) from None
    made: Array = values.astype(object)
    if any(type(each) is not str for each in made.ravel().tolist()):
        raise mismatch(field, "what is no text", signature_text(tensor))
    return made


def row_bytes(dtype: np.dtype[np.generic], row: Sequence[int]) -> int:
    """Return how many bytes a row takes."""
    return dtype.itemsize * prod(row)


def too_large(size: int, most: int, field: str) -> BadInput:
    """Return the error for rows that one by one need too much memory."""
    return mismatch(field, f"rows of {size:,} bytes", f"at most {most:,}")
