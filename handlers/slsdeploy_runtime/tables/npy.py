"""NumPy's .npy: the rows of the first axis, in C order, for a model with a single input; counted from 0. Never a pickle.

https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.lib import format as npy_format

from slsdeploy_runtime.decode import Array
from slsdeploy_runtime.manifest import Tensor
from slsdeploy_runtime.model import Model
from slsdeploy_runtime.request import BadInput, mismatch
from slsdeploy_runtime.tables import PORTION_BYTES, Portion, arrays, columns

# a header is refused by numpy beyond 10,000 characters; it may say that it is longer, and is not read then
_HEAD = 16 * 1024
MAX_ROW = 64 * 1024 * 1024
_C_ORDER = "save np.ascontiguousarray(array)"


class Head(NamedTuple):
    """What a file says of its array: the shape of a row, how many there are, of which datatype."""

    rows: int
    row: tuple[int, ...]
    dtype: np.dtype[np.generic]

    @property
    def row_bytes(self) -> int:
        return arrays.row_bytes(self.dtype, self.row)


def open_table(stream: BinaryIO, model: Model | None) -> Npy:
    """Begin to read. Raises BadInput for an array that is not the model's."""
    if model is not None:
        columns.check_rows(model)
        if len(model.inputs) > 1:
            names = ", ".join(each.name for each in model.inputs)
            raise mismatch("file", "a single array", f"a .npz with one for each of {names}")
    return Npy(stream, model.inputs[0] if model else None)


class Npy:
    """An array whose rows are read one after the other."""

    notes: Mapping[str, Any] = {}

    def __init__(self, stream: BinaryIO, tensor: Tensor | None, field: str = "array") -> None:
        self._stream = stream
        self._tensor = tensor
        self._field = field
        self.head, self._begun = _head(stream, field)
        if tensor is not None:
            arrays.check_kind(self.head.dtype, tensor, field)
            arrays.check_row(self.head.row, tensor, field)
        if not 0 < self.head.row_bytes <= MAX_ROW:
            raise arrays.too_large(self.head.row_bytes, MAX_ROW, field)

    def portions(self) -> Iterator[Portion]:
        """Read some rows at a time. Raises BadInput for a file that ends before the last, or goes on behind it."""
        most = max(1, PORTION_BYTES // self.head.row_bytes)
        for first in range(0, self.head.rows, most):
            count = min(most, self.head.rows - first)
            yield Portion(range(first, first + count), self.read(count))
        if self._begun or self._stream.read(1):
            raise mismatch(self._field, "more bytes than its header says", f"{self.head.rows} rows")

    def read(self, rows: int) -> Array:
        """Read so many rows. Raises BadInput when there are fewer."""
        size = rows * self.head.row_bytes
        content = bytearray(size)
        view = memoryview(content)
        at = min(size, len(self._begun))
        view[:at] = self._begun[:at]
        self._begun = self._begun[at:]
        while at < size:
            count = self._stream.readinto(view[at:])  # type: ignore[attr-defined]
            if not count:
                raise mismatch(self._field, "the end of the file", f"{self.head.rows} rows: it is cut off")
            at += count
        return np.frombuffer(content, self.head.dtype).reshape(rows, *self.head.row)

    def arrays(self, rows: Array) -> Mapping[str, Array]:
        assert self._tensor is not None
        return {self._tensor.name: arrays.cast(rows, self._tensor, self._field)}

    def value(self, row: Array) -> Any:
        return row


def _head(stream: BinaryIO, field: str) -> tuple[Head, bytes]:
    """Read a header; return also the bytes that were read behind it. Raises BadInput."""
    begun = io.BytesIO(stream.read(_HEAD))
    try:
        version = npy_format.read_magic(begun)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"version {version}")
        read = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
        shape, is_fortran, dtype = read(begun)
    except (ValueError, OverflowError, SyntaxError, TypeError) as error:
        said = str(error).partition("\n")[0][:200]
        raise BadInput(f"{field}: not a .npy file: {said}", field=field, found=said, expected=".npy") from None
    if dtype.hasobject or dtype.names or dtype.subdtype:
        raise mismatch(field, f"an array of {dtype}", "numbers or texts; what is pickled is never read")
    if not shape:
        raise mismatch(field, "a single value", "rows along the first axis")
    if is_fortran and len(shape) > 1:
        raise mismatch(field, "an array in Fortran's order", f"C order, which has row after row: {_C_ORDER}")
    return Head(shape[0], tuple(shape[1:]), dtype), begun.read()
