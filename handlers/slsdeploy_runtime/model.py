"""The models of this function: a name, a signature, and a session that is there or is loaded when it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Protocol

import numpy as np

from slsdeploy_runtime import memory
from slsdeploy_runtime.decode import DTYPES, Array
from slsdeploy_runtime.formats import Session
from slsdeploy_runtime.manifest import ModelEntry, Tensor, is_structured

if TYPE_CHECKING:
    from slsdeploy_runtime.timed import Timed


class ModelError(Exception):
    """The bundle's model is not one that this runtime can serve, or there is none of that name."""


class Loader(Protocol):
    """Who loads models (`store.Store`)."""

    def session(self, model: Model) -> Session:
        """Return the model's session, loaded now if it must be. Raises Unavailable."""

    def make_room(self, model: Model) -> bool:
        """Free the memory of the other models; say whether there was any."""

    def is_ready(self, model: Model) -> bool:
        """Say whether a request would be answered; loads nothing."""


class Model:
    """A model: its name, version and signature, and `run`, which loads it if it is not loaded.

    `batch` says what its first dimension holds: -1 any number of records (they may be stacked), a positive number exactly
    so many, 0 no records at all; of any number, `max_batch` is the most for one run (None: what fits in memory). It may be used
    from several threads.
    """

    def __init__(self, entry: ModelEntry, loader: Loader, *, is_alone: bool) -> None:
        for tensor in (*entry.inputs, *entry.outputs):
            if tensor.datatype not in DTYPES and (tensor in entry.inputs or not is_structured(tensor.datatype)):
                raise ModelError(f"model {entry.name!r}: {tensor.name} has datatype {tensor.datatype}, not served")
        self.entry = entry
        self.name = entry.name
        self.version = entry.version
        self.inputs: tuple[Tensor, ...] = entry.inputs
        self.outputs: tuple[Tensor, ...] = entry.outputs
        self.batch = entry.batch
        self.max_batch = entry.max_batch
        self.last_used = 0.0  # seconds, monotonic
        self.timed: Timed | None = None if entry.timeout is None else _timed(entry)
        # the only one, and nothing ends its runs: its session stays once it is there, and nobody counts who uses it
        self._is_alone = is_alone and self.timed is None
        self._loader = loader
        self._lock = Lock()
        self._session: Session | None = None
        self._users = 0  # who runs it or waits for it: it must not go

    @property
    def platform(self) -> str:
        """Return the Open Inference Protocol's word for what runs it."""
        return str(import_module(self.entry.format).PLATFORM)

    @property
    def loaded(self) -> Session | None:
        return self._session

    @property
    def is_loaded(self) -> bool:
        return self._session is not None

    @property
    def is_ready(self) -> bool:
        """Say whether a request would be answered: it is loaded, or would be. Loads nothing."""
        return self._session is not None or self._loader.is_ready(self)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run the model on arrays of its signature; return its outputs by name. Raises Unavailable when it cannot be loaded."""
        if self._is_alone:
            session = self._session
            if session is not None:
                return session.run(inputs)
        session = self._take()
        try:
            return self._run(session, inputs)
        except Exception as error:
            if not (memory.is_exhausted(error) and self._loader.make_room(self)):
                raise
            return self._run(session, inputs)
        finally:
            self._release()

    def load(self) -> None:
        """Load the model, or wait until it is loaded. Raises Unavailable."""
        self._take()
        self._release()

    def warm_up(self) -> None:
        """Run once on zeros, so that no caller waits for first allocations; a model that refuses zeros stays cold.

        Nothing, for one that is not loaded.
        """
        if not self.is_loaded:
            return
        zeros = {
            tensor.name: np.full([max(size, 1) for size in tensor.shape], _zero(tensor), DTYPES[tensor.datatype])
            for tensor in self.inputs
        }
        with suppress(Exception):  # not an error: these are our zeros, not a caller's
            self.run(zeros)

    def keep(self, session: Session) -> None:
        """Take the session that was loaded for it."""
        with self._lock:
            self._session = session
            self.last_used = monotonic()

    def drop(self) -> bool:
        """Let the session go; False when there is none, or it is in use."""
        with self._lock:
            if self._session is None or self._users:
                return False
            self._session = None
            return True

    def _run(self, session: Session, inputs: Mapping[str, Array]) -> dict[str, Array]:
        if self.timed is None:
            return session.run(inputs)
        return session.run(inputs, self.timed.options(session))

    def _take(self) -> Session:
        with self._lock:
            self._users += 1
            session = self._session
        if session is not None:
            return session
        try:
            return self._loader.session(self)
        except BaseException:
            self._release()
            raise

    def _release(self) -> None:
        with self._lock:
            self._users -= 1
            self.last_used = monotonic()


def _timed(entry: ModelEntry) -> Timed:
    from slsdeploy_runtime.timed import Timed  # not needed by who may take as long as it likes

    assert entry.timeout is not None
    return Timed(entry.name, entry.timeout)


_models: dict[str, Model] = {}


def publish(models: Mapping[str, Model]) -> None:
    """Make these the models that `get_model` knows."""
    _models.clear()
    _models.update(models)


def get_model(name: str | None = None) -> Model:
    """Return the model of that name, or the project's only (or first) one; it is loaded when it runs. Raises ModelError."""
    if name is None and _models:
        return next(iter(_models.values()))
    if name not in _models:
        raise ModelError(f"there is no model {name!r}: there is {', '.join(map(repr, _models)) or 'none'}")
    return _models[name]


def forget() -> None:
    """Forget every model; for a process that serves one bundle after another."""
    _models.clear()


def _zero(tensor: Tensor) -> object:
    return "" if tensor.datatype == "BYTES" else 0
