"""Model formats, one file each: `load(path, threads, session) -> Session`, which runs numpy arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np


class Session(Protocol):
    """A loaded model. `dims` are its inputs' and outputs' dimensions: a size, a symbol's name, or None."""

    platform: str
    dims: Mapping[str, Sequence[int | str | None]]

    def run(self, inputs: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
        """Return the outputs by name. Raises BadInput when the model refuses these values."""
