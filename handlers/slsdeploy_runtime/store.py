"""The models of this function -> loaded ones: at start or at their first request, each once, and as many as memory holds.

A load runs in a thread of its own, and whoever needs the model waits for it as long as there is time: a load that takes longer than
Lambda's init window, or than a request has, goes on, and the next request finds it further on. Sessions are built one at a time.
2026-11-21: a thread costs 0.1 ms of a load; onnxruntime builds a session without holding Python's lock (measured: of 350 ms, the others
waited 9 ms at most).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from threading import Event, Lock, Thread
from time import monotonic, perf_counter
from typing import Any, NamedTuple, cast

from slsdeploy_runtime import memory, phases, window
from slsdeploy_runtime.formats import Session
from slsdeploy_runtime.manifest import ModelEntry
from slsdeploy_runtime.model import Model, ModelError, publish
from slsdeploy_runtime.room import Room
from slsdeploy_runtime.telemetry import Telemetry
from slsdeploy_runtime.unavailable import LoadFailed, StillLoading

# what a request keeps of its time to say that it has waited in vain
MARGIN_SECONDS = 0.5
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0


class Failure(NamedTuple):
    """A load that failed: what was raised and why ("": that says it), how long until the next try, when that is (monotonic)."""

    cause: BaseException
    why: str
    pause: float
    until: float


class Load:
    """A model being loaded: `done`, then its session or what went wrong."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.done = Event()
        self.session: Session | None = None
        self.failure: Failure | None = None


class Store:
    """The models by name, and their loads. `context` is that of the request being answered: it knows how much time is left."""

    def __init__(
        self, entries: Sequence[ModelEntry], threads: int, telemetry: Telemetry, model_memory: int | None = None
    ) -> None:
        self.models = {entry.name: Model(entry, self, is_alone=len(entries) == 1) for entry in entries}
        self.context: Any = None
        self._threads = threads
        self._telemetry = telemetry
        self._room = Room(list(self.models.values()), model_memory, telemetry)
        self._guard = Lock()  # of the two below
        self._loads: dict[str, Load] = {}
        self._failures: dict[str, Failure] = {}
        self._building = Lock()
        publish(self.models)

    def start(self) -> None:
        """Load the eager models and warm them up; return when that is done, or when it may take no longer.

        Raises LoadFailed for one that cannot be loaded and has nobody to answer for it.
        """
        eager = [model for model in self.models.values() if model.entry.load == "eager"]
        if not eager:
            return
        failed: list[LoadFailed] = []
        thread = Thread(target=self._start, args=(eager, failed), name="models", daemon=True)
        thread.start()
        thread.join(window.seconds_left())
        if thread.is_alive():
            self._telemetry.logger.warning(
                "models are still loading at the end of Lambda's init phase; the first request waits for them",
                models=[model.name for model in eager if not model.is_loaded],
            )
        elif failed:
            raise failed[0]

    def session(self, model: Model) -> Session:
        """Return a model's session: wait for its load, begin one if there is none. Raises LoadFailed, StillLoading."""
        load, is_new = self._join(model)
        if is_new:
            self._begin(load)
        if not load.done.wait(self._seconds_left()):
            raise StillLoading(f"model {model.name!r} is still loading: ask again", retry_after=2)
        return _result(load)

    def make_room(self, model: Model) -> bool:
        """Free the memory of the other models; say whether there was any."""
        return self._room.empty(model)

    def is_ready(self, model: Model) -> bool:
        """Say whether a model that is not loaded would be, if one asked: nothing of it is going on or has just failed."""
        with self._guard:
            return model.name not in self._failures and model.name not in self._loads

    def _start(self, eager: Sequence[Model], failed: list[LoadFailed]) -> None:
        for model in eager:
            if any(other.is_loaded for other in eager) and not self._room.fits(model):
                self._telemetry.logger.warning(
                    "eager models do not fit together: one is left for later", model=model.name
                )
                continue
            try:
                load, is_new = self._join(model)
                if is_new:
                    self._run(load)
                load.done.wait()
                _result(load)
            except LoadFailed as error:
                if model.entry.fallback is None:
                    failed.append(error)
                    return
        for model in eager:
            model.warm_up()
        phases.mark("warm_up")

    def _join(self, model: Model) -> tuple[Load, bool]:
        """Return the load of a model that is going on, or a new one, which the caller has to run. Raises LoadFailed."""
        with self._guard:
            load = self._loads.get(model.name)
            if load is not None:
                return load, False
            failure = self._failures.get(model.name)
            if failure is not None and monotonic() < failure.until:
                raise _refusal(model, failure, is_old=True)
            load = Load(model)
            load.session = model.loaded
            if load.session is not None:  # somebody was quicker
                load.done.set()
                return load, False
            self._loads[model.name] = load
            return load, True

    def _begin(self, load: Load) -> None:
        try:
            Thread(target=self._run, args=(load,), name=f"load {load.model.name}", daemon=True).start()
        except RuntimeError:  # there can be no more threads: this one has to wait for it anyway
            self._run(load)

    def _run(self, load: Load) -> None:
        model = load.model
        began = perf_counter()
        try:
            load.session = self._build(model)
            self._telemetry.loaded(perf_counter() - began)
        except BaseException as error:  # whatever it is: who waits must be told
            load.failure = self._failed(model, error)
        finally:
            with self._guard:
                if load.failure is None:
                    self._failures.pop(model.name, None)
                else:
                    self._failures[model.name] = load.failure
                del self._loads[model.name]
            load.done.set()

    def _build(self, model: Model) -> Session:
        if model.entry.remote is None:
            if model.entry.verify:
                _verify(model.entry)
            return self._build_from(model, model.entry.path)
        from slsdeploy_runtime import remote  # nothing of it is on the way of a model that ships

        try:
            path = str(remote.fetch(model.entry, self._telemetry))
            phases.mark("fetch")
            return self._build_from(model, path)
        finally:
            remote.release(model.entry)

    def _build_from(self, model: Model, path: str) -> Session:
        module = import_module(model.entry.format)
        with self._building:
            module.engine()
            self._room.make(model)
            before = memory.resident()
            session = self._open(model, module, path)
            phases.mark("session")
            _check(model.entry, session)
            model.keep(session)
            self._room.learn(model, before)
        return session

    def _open(self, model: Model, module: Any, path: str) -> Session:
        """Build the session; when memory is used up, once more without the other models."""
        try:
            return cast("Session", module.load(path, self._threads, model.entry.session))
        except Exception as error:
            if not memory.is_exhausted(error):
                raise
            failed = error.with_traceback(None)  # its frames hold what was built so far
        if not self.make_room(model):
            raise failed
        return cast("Session", module.load(path, self._threads, model.entry.session))

    def _failed(self, model: Model, error: BaseException) -> Failure:
        with self._guard:
            earlier = self._failures.get(model.name)
        pause = FIRST_PAUSE if earlier is None else min(2 * earlier.pause, LONGEST_PAUSE)
        why = _explained(model.entry, error)
        told: dict[str, Any] = {"because": why} if why else {}
        self._telemetry.logger.error(
            "model cannot be loaded", model=model.name, next_try_in_seconds=pause, exc_info=error, **told
        )
        # its frames hold what was built so far
        return Failure(error.with_traceback(None), why, pause, monotonic() + pause)

    def _seconds_left(self) -> float | None:
        """Return how long the request that is being answered may wait; None when there is none, or it does not say."""
        remaining = getattr(self.context, "get_remaining_time_in_millis", None)
        return None if remaining is None else max(0.0, remaining() / 1000 - MARGIN_SECONDS)


def _verify(entry: ModelEntry) -> None:
    from slsdeploy_runtime.changed import verify  # hashing is slow to import, and most do not

    verify(entry)
    phases.mark("verify")


def _result(load: Load) -> Session:
    """Return what a load that is done has loaded. Raises LoadFailed."""
    if load.session is None:
        assert load.failure is not None
        raise _refusal(load.model, load.failure) from load.failure.cause
    return load.session


def _refusal(model: Model, failure: Failure, *, is_old: bool = False) -> LoadFailed:
    public = f"model {model.name!r} cannot be loaded"
    lines = str(failure.cause).splitlines() or [""]
    said = f"{public}: {type(failure.cause).__name__}: {lines[0]}" + (f" ({failure.why})" if failure.why else "")
    left = max(1.0, failure.until - monotonic())
    return LoadFailed(said, public=public, retry_after=left, is_old=is_old)


def _explained(entry: ModelEntry, error: BaseException) -> str:
    """Say why a load failed where the error does not."""
    if memory.is_exhausted(error):
        return "memory is used up: raise `memory`, or lower `model_memory`, in slsdeploy.toml"
    from slsdeploy_runtime.changed import Tampered, changed  # seldom needed

    try:
        return "" if isinstance(error, Tampered) else changed(entry)
    except OSError:
        return ""


def _check(entry: ModelEntry, session: Session) -> None:
    """Make sure that the file has the signature that the build saw, by which requests are read."""
    for tensor in (*entry.inputs, *entry.outputs):
        found = session.dims.get(tensor.name)
        if found is None:
            raise ModelError(
                f"model {entry.name!r} has no {tensor.name!r}: the file is not the one that was built with"
            )
        sizes = [size if isinstance(size, int) and size > 0 else -1 for size in found]
        if found and tensor in entry.inputs and sizes != list(tensor.shape):
            shapes = f"shape {sizes}, when it was built {list(tensor.shape)}"
            raise ModelError(f"model {entry.name!r}: {tensor.name!r} has {shapes}")
