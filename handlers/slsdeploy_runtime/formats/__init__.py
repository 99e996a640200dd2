"""Model formats, one file each.

PLATFORM                         the Open Inference Protocol's word for what runs it
engine()                         import what runs it; later calls cost nothing
load(path, threads, session) -> Session   which runs numpy arrays; `session` is what the build decided
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np


class Options(Protocol):
    """What a run can be ended by from another thread: setting `terminate`. For one run only."""

    terminate: bool


class Session(Protocol):
    """A loaded model. `dims` are its inputs' and outputs' dimensions: a size, a symbol's name, or None."""

    dims: Mapping[str, Sequence[int | str | None]]

    def run(
        self, inputs: Mapping[str, np.ndarray[Any, Any]], options: Options | None = None
    ) -> dict[str, np.ndarray[Any, Any]]:
        """Return the outputs by name. Raises BadInput when the model refuses these values."""

    def options(self) -> Options:
        """Return new options for one run."""
