"""The models of this function, each loaded once per execution environment and kept: the cold-start cache."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any

import numpy as np

from slsdeploy_runtime import phases
from slsdeploy_runtime.decode import DTYPES, Array
from slsdeploy_runtime.formats import Session
from slsdeploy_runtime.manifest import ModelEntry, Tensor
from slsdeploy_runtime.watch import Watch

# a leading dimension with one of these in its name runs along one record, not over records
_NOT_A_BATCH = ("seq", "time", "len", "token", "frame")


class ModelError(Exception):
    """The bundle's model is not one that this runtime can serve, or there is none of that name."""


class Model:
    """A loaded model: its name, version and signature, and `run`.

    `batch` says what its first dimension holds: -1 any number of records (they may be stacked), a positive number exactly
    so many, 0 no records at all.
    """

    def __init__(self, entry: ModelEntry, session: Session) -> None:
        for tensor in (*entry.inputs, *entry.outputs):
            if tensor.datatype not in DTYPES:
                raise ModelError(f"model {entry.name!r}: {tensor.name} has datatype {tensor.datatype}, not served")
        self.name = entry.name
        self.version = entry.version
        self.inputs: tuple[Tensor, ...] = entry.inputs
        self.outputs: tuple[Tensor, ...] = entry.outputs
        self.platform = session.platform
        self.batch = _batch(entry, session.dims)
        self._session = session

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run the model on arrays of its signature; return its outputs by name."""
        return self._session.run(inputs)

    def warm_up(self) -> None:
        """Run once on zeros, so that no caller waits for first allocations; a model that refuses zeros stays cold."""
        zeros = {
            tensor.name: np.full([max(size, 1) for size in tensor.shape], _zero(tensor), DTYPES[tensor.datatype])
            for tensor in self.inputs
        }
        with suppress(Exception):  # not an error: these are our zeros, not a caller's
            self.run(zeros)


_loaded: dict[str, Model] = {}


def load(entry: ModelEntry, threads: int, watch: Watch | None = None) -> Model:
    """Load a model with its format's module and keep it; one that does not ship is fetched first, of which `watch` is told."""
    model = _loaded[entry.name] = Model(entry, _open(entry, threads, watch))
    return model


def _open(entry: ModelEntry, threads: int, watch: Watch | None) -> Session:
    form = import_module(entry.format)
    if entry.remote is None:
        session: Session = form.load(entry.path, threads, entry.session)
        return session
    from slsdeploy_runtime import remote  # nothing of it is on the way of a model that ships

    try:
        path = remote.fetch(entry, watch)
        phases.mark("fetch")
        session = form.load(path, threads, entry.session)
    finally:
        remote.release(entry)
    return session


def get_model(name: str | None = None) -> Model:
    """Return the loaded model of that name, or the project's only (or first) one. Raises ModelError."""
    if name is None and _loaded:
        return next(iter(_loaded.values()))
    if name not in _loaded:
        raise ModelError(f"no model {name!r} is loaded: there is {', '.join(map(repr, _loaded)) or 'none'}")
    return _loaded[name]


def forget() -> None:
    """Drop every loaded model; for a process that serves one bundle after another."""
    _loaded.clear()


def _zero(tensor: Tensor) -> object:
    return "" if tensor.datatype == "BYTES" else 0


def _batch(entry: ModelEntry, dims: Mapping[str, Any]) -> int:
    sizes = {tensor.shape[0] if tensor.shape else 0 for tensor in entry.inputs}
    symbols = {dims[tensor.name][0] for tensor in entry.inputs if dims.get(tensor.name)}
    names = {symbol.lower() for symbol in symbols if isinstance(symbol, str) and not symbol.startswith("unk__")}
    if len(sizes) != 1 or len(names) > 1 or any(word in name for name in names for word in _NOT_A_BATCH):
        return 0
    batch = sizes.pop()
    # an output of unknown rank (an empty shape) is looked at when it is there; one of another fixed size is not per record
    fits = all(not tensor.shape or tensor.shape[0] in (-1, batch) for tensor in entry.outputs)
    return batch if fits else 0
