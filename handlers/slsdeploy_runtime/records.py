"""A model's signature -> how many records its first dimension holds. Needs nothing: the build decides it, the runtime obeys."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

# a leading dimension with one of these in its name runs along one record, not over records
_NOT_A_BATCH = ("seq", "time", "len", "token", "frame")


class Shaped(Protocol):
    """A tensor, as far as its shape goes; -1 is any size."""

    @property
    def shape(self) -> tuple[int, ...]: ...


def batch(inputs: Sequence[Shaped], outputs: Sequence[Shaped], symbols: Collection[str]) -> int:
    """Return -1 for any number of records (they may be stacked), a positive number for exactly so many, 0 for none at all.

    `symbols` are the names that the inputs' first dimensions have, without those that have none.
    """
    sizes = {tensor.shape[0] if tensor.shape else 0 for tensor in inputs}
    names = {symbol.lower() for symbol in symbols}
    if len(sizes) != 1 or len(names) > 1 or any(word in name for name in names for word in _NOT_A_BATCH):
        return 0
    size = sizes.pop()
    # an output of unknown rank (an empty shape) is looked at when it is there; one of another fixed size is not per record
    fits = all(not tensor.shape or tensor.shape[0] in (-1, size) for tensor in outputs)
    return size if fits else 0
