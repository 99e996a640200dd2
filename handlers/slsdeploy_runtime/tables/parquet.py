"""Parquet, by the pyarrow of the project's requirements: a column for each value of a row, or a column of lists; rows are counted from 0.

Its row groups are read one by one: they bound the memory. A null is no value: its row fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

from slsdeploy_runtime.decode import Array, as_array, check_shape
from slsdeploy_runtime.manifest import Tensor
from slsdeploy_runtime.model import Model
from slsdeploy_runtime.request import BadInput, mismatch
from slsdeploy_runtime.tables import PORTION_BYTES, Portion, arrays, columns

ROWS = 4096


def open_table(stream: BinaryIO, model: Model | None) -> Parquet:
    """Begin to read. Raises BadInput without pyarrow, and for columns that are not the model's."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        said = "Parquet is read by pyarrow, which this function does not have: add pyarrow to its requirements"
        raise BadInput(f"file: {said} ({error})", field="file", found="Parquet", expected="pyarrow") from None
    if model is not None:
        columns.check_rows(model)
    try:
        return Parquet(pyarrow.parquet.ParquetFile(stream, pre_buffer=False), model)
    except pyarrow.ArrowException as error:
        raise broken(error) from error


def broken(error: Exception) -> BadInput:
    """Return the error for a file that is damaged."""
    said = " ".join(str(error).split())[:300]
    return BadInput(f"file: not Parquet that can be read: {said}", field="file", found=said, expected="Parquet")


class Batch:
    """Rows of a record batch."""

    def __init__(self, batch: Any) -> None:
        self.batch = batch

    def __len__(self) -> int:
        return int(self.batch.num_rows)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            start, stop, _ = index.indices(len(self))
            return Batch(self.batch.slice(start, stop - start))
        return self.batch.slice(index, 1).to_pylist()[0]


class Parquet:
    """A file of columns."""

    def __init__(self, file: Any, model: Model | None) -> None:
        self._file = file
        self._model = model
        self._taken: dict[str, list[str]] = {}
        names = list(file.schema_arrow.names)
        self.notes: dict[str, Any] = {"row_groups": file.num_row_groups}
        if model is None:
            return
        if all(tensor.name in names for tensor in model.inputs):
            self._taken = {tensor.name: [tensor.name] for tensor in model.inputs}
        else:
            columns.check(model)
            found = columns.named(names, model) or columns.in_order(len(names), names, model)
            self._taken = {name: [names[index] for index in taken] for name, taken in found.inputs.items()}
        used = {name for taken in self._taken.values() for name in taken}
        if unused := [name for name in names if name not in used]:
            self.notes["unused"] = unused[:20]

    def portions(self) -> Iterator[Portion]:
        """Read a batch at a time. Raises BadInput for a file that is damaged."""
        import pyarrow

        used = sorted({name for taken in self._taken.values() for name in taken}) or None
        first = 0
        try:
            for batch in self._file.iter_batches(self._rows(), columns=used, use_threads=False):
                yield Portion(range(first, first + batch.num_rows), Batch(batch))
                first += batch.num_rows
        except (pyarrow.ArrowException, OSError) as error:
            if isinstance(error, OSError) and (type(error) is not OSError or error.errno is not None):
                raise  # the network's; pyarrow's own, of data that does not unpack, is a plain one
            raise broken(error) from error

    def _rows(self) -> int:
        """Return how many rows to read at once: about a portion, by what the file says of itself."""
        about = self._file.metadata
        groups = [about.row_group(index).total_byte_size for index in range(about.num_row_groups)]
        return int(max(1, min(ROWS, 4 * PORTION_BYTES * about.num_rows // max(1, sum(groups)))))

    def arrays(self, rows: Batch) -> Mapping[str, Array]:
        assert self._model is not None
        return {tensor.name: _input(rows.batch, tensor, self._taken[tensor.name]) for tensor in self._model.inputs}

    def value(self, row: Mapping[str, Any]) -> Any:
        return row


def _input(batch: Any, tensor: Tensor, taken: Sequence[str]) -> Array:
    """Put the columns of an input together."""
    if len(taken) == 1:
        return _column(batch.column(taken[0]), tensor, taken[0])
    single = Tensor(tensor.name, tensor.datatype, (-1,))
    side_by_side = np.stack([_column(batch.column(name), single, name) for name in taken], axis=1)
    return columns.shaped(side_by_side, tensor, batch.num_rows)


def _column(column: Any, tensor: Tensor, name: str) -> Array:
    import pyarrow.types as kinds

    field = f"column {name!r}"
    if column.null_count:
        raise mismatch(field, "null", f"a value of {tensor.datatype}")
    kind = column.type
    if kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_boolean(kind):
        values = column.to_numpy(zero_copy_only=False)
        arrays.check_kind(values.dtype, tensor, field)
        arrays.check_row((), tensor, field)
        return arrays.cast(values, tensor, field)
    if kinds.is_fixed_size_list(kind) and not column.values.null_count and kinds.is_primitive(kind.value_type):
        values = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, kind.list_size)
        arrays.check_kind(values.dtype, tensor, field)
        return arrays.cast(columns.shaped(values, tensor, len(column)), tensor, field)
    found = as_array(column.to_pylist(), tensor, field)
    if found.ndim == 1 and tensor.shape[1:] == (1,):
        found = found.reshape(-1, 1)
    check_shape(found, tensor, field, skip=1)
    return found
