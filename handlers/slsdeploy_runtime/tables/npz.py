"""NumPy's .npz: an array for each input of a model, by its name; their rows together, counted from 0.

A model with a single input takes a single array, whatever it is called.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, cast

from slsdeploy_runtime.decode import Array, describe
from slsdeploy_runtime.manifest import Tensor
from slsdeploy_runtime.model import Model
from slsdeploy_runtime.request import mismatch
from slsdeploy_runtime.tables import PORTION_BYTES, Portion, columns
from slsdeploy_runtime.tables.npy import Npy

_SUFFIX = ".npy"


class Slices:
    """Rows of several arrays side by side."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self.arrays = arrays

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def __getitem__(self, index: int | slice) -> Any:
        found = {name: array[index] for name, array in self.arrays.items()}
        return Slices(found) if isinstance(index, slice) else found


def open_table(stream: BinaryIO, model: Model | None) -> Npz:
    """Begin to read. Raises BadInput for arrays that are not the model's."""
    if model is not None:
        columns.check_rows(model)
    return Npz(stream, model)


class Npz:
    """Arrays that are read side by side."""

    def __init__(self, stream: BinaryIO, model: Model | None) -> None:
        archive = zipfile.ZipFile(stream)
        found = {name.removesuffix(_SUFFIX): name for name in archive.namelist() if name.endswith(_SUFFIX)}
        wanted: Mapping[str, Tensor | None] = (
            {tensor.name: tensor for tensor in model.inputs} if model else dict.fromkeys(found)
        )
        if model is not None and len(wanted) == len(found) == 1:
            found = dict(zip(wanted, found.values(), strict=True))
        self.notes: Mapping[str, Any] = (
            {"unused": left} if (left := [name for name in found if name not in wanted]) else {}
        )
        self._parts: dict[str, Npy] = {}
        for name, tensor in wanted.items():
            if name not in found:
                raise mismatch("file", f"arrays {list(found)}"[:200], f"one called {name!r}")
            self._parts[name] = Npy(cast("BinaryIO", archive.open(found[name])), tensor, name)
        counts = {name: part.head.rows for name, part in self._parts.items()}
        if len(set(counts.values())) != 1:
            raise mismatch("file", f"different numbers of rows ({describe(counts)})", "as many of each")

    def portions(self) -> Iterator[Portion]:
        """Read some rows of each at a time. Raises BadInput for a file that is cut off."""
        rows = next(iter(self._parts.values())).head.rows
        most = max(1, PORTION_BYTES // sum(part.head.row_bytes for part in self._parts.values()))
        for first in range(0, rows, most):
            count = min(most, rows - first)
            read = {name: part.read(count) for name, part in self._parts.items()}
            yield Portion(range(first, first + count), Slices(read))

    def arrays(self, rows: Slices) -> Mapping[str, Array]:
        made: dict[str, Array] = {}
        for name, part in self._parts.items():
            made |= part.arrays(rows.arrays[name])
        return made

    def value(self, row: Mapping[str, Array]) -> Any:
        return row
