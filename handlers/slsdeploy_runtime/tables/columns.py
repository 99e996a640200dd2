"""The columns of a table -> the inputs of a model: by their names, or in their order for a model with a single input.

An input of one value in a row takes the column of its name; one of several values the columns `name[0]`, `name[1]`, ... A single
input takes as many columns as it has values in a row, whatever they are called, when they are not called that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import NamedTuple

from slsdeploy_runtime.decode import Array, one_of, signature_text
from slsdeploy_runtime.manifest import Tensor
from slsdeploy_runtime.model import Model
from slsdeploy_runtime.request import BadInput, mismatch


class Columns(NamedTuple):
    """Which columns each input takes, how many there are, what they are called (()": they have no names)."""

    inputs: Mapping[str, Sequence[int]]
    width: int
    names: Sequence[str]

    @property
    def unused(self) -> list[str]:
        """Return the names of the columns that no input takes."""
        used = {index for taken in self.inputs.values() for index in taken}
        return [name for index, name in enumerate(self.names) if index not in used]

    def name(self, index: int) -> str:
        """Say which column is meant."""
        return f"column {self.names[index]!r}" if self.names else f"column {index + 1}"


def width(tensor: Tensor) -> int:
    """Return how many values of a row an input takes, -1 for any number."""
    return -1 if -1 in tensor.shape[1:] else prod(tensor.shape[1:])


def named(names: Sequence[str], model: Model) -> Columns | None:
    """Find every input's columns by name; None when one is missing. Raises BadInput for a name that is there twice."""
    places: dict[str, int] = {}
    twice = set()
    for index, name in enumerate(names):
        if name in places:
            twice.add(name)
        places.setdefault(name, index)
    inputs = {}
    for tensor in model.inputs:
        wanted = _wanted(tensor, places)
        if any(name not in places for name in wanted):
            return None
        if again := twice.intersection(wanted):
            raise mismatch("header", f"{sorted(again)[0]!r} twice", "it once")
        inputs[tensor.name] = [places[name] for name in wanted]
    return Columns(inputs, len(names), names)


def in_order(count: int, names: Sequence[str], model: Model) -> Columns:
    """Give a single input all columns. Raises BadInput when there are several inputs, or columns with names are not as many as it takes."""
    if len(model.inputs) > 1:
        wanted = one_of([name for tensor in model.inputs for name in _wanted(tensor, {})]).replace(" or ", " and ")
        found = f"columns {one_of(names).replace(' or ', ', ')}" if names else "no header"
        raise mismatch("header", found, f"columns {wanted}: a model with several inputs finds them by name")
    (tensor,) = model.inputs
    wanted_count = count if width(tensor) < 0 else width(tensor)
    if names and wanted_count != count:
        raise mismatch("header", f"{count} columns{separated(names)}", f"{wanted_count} ({signature_text(tensor)})")
    return Columns({tensor.name: range(wanted_count)}, wanted_count, names)


def separated(cells: Sequence[str]) -> str:
    """Say what may be wrong with a record of one cell."""
    return " (the separator is a comma)" if len(cells) == 1 and (";" in cells[0] or "\t" in cells[0]) else ""


def check_rows(model: Model) -> None:
    """Raise BadInput for a model that does not take rows."""
    if model.batch == 0:
        raise BadInput(f"model {model.name!r} does not take rows: a table cannot be its input")


def check(model: Model) -> None:
    """Raise BadInput for a model whose inputs cannot be told by columns."""
    check_rows(model)
    for tensor in model.inputs:
        if list(tensor.shape[1:]).count(-1) > 1 or (width(tensor) < 0 and len(tensor.shape) > 2):
            raise BadInput(
                f"input {tensor.name!r} takes {signature_text(tensor)}, which the columns of a row cannot tell"
            )


def shaped(values: Array, tensor: Tensor, rows: int) -> Array:
    """Bring the values of rows, one row after the other, to an input's shape."""
    return values.reshape(rows, *tensor.shape[1:])


def _wanted(tensor: Tensor, places: Mapping[str, int]) -> list[str]:
    count = width(tensor)
    if count == 1:
        return [tensor.name]
    if count < 0:
        count = 1
        while f"{tensor.name}[{count}]" in places:
            count += 1
    return [f"{tensor.name}[{index}]" for index in range(count)]
