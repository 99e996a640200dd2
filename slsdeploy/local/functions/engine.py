"""The event loop that all functions run on, in a thread of its own: pools of environments, and the clocks that tend them.

Everything here but `Engine.call` and `Engine.submit` is to be called on that loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import threading
import time
import uuid
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from slsdeploy.interpreters import find_interpreter, host_interpreter, host_minor
from slsdeploy.local.functions import image_process, registry
from slsdeploy.local.functions.artifacts import Artifacts, Mounts
from slsdeploy.local.functions.containers import Engines
from slsdeploy.local.functions.environment import Environment
from slsdeploy.local.functions.logs import FLUSH_SECONDS, LogWriter
from slsdeploy.local.functions.managed import ManagedRuntimes
from slsdeploy.local.functions.pool import Pool
from slsdeploy.local.functions.sandbox import Sandbox, Start, file_systems, lambda_facts
from slsdeploy.local.functions.values import ContainerImage, FunctionSpec, Outcome, Refused, Request
from slsdeploy.reach import LOCAL_ENGINE
from slsdeploy.tools import Shell

T = TypeVar("T")
_log = logging.getLogger(__name__)
_FRESH_SECONDS = 0.5
_TRIM_SECONDS = 1.0
_LOOK_AGAIN_SECONDS = 60.0


class Workshop:
    """Gets together what a process needs: its interpreter, the managed runtime, the extracted bundle. Thread-safe."""

    def __init__(self, endpoint: str, state: Path, cache: Path, shell: Shell) -> None:
        self.endpoint = endpoint
        self.sandbox = Sandbox(state, shell)
        self.artifacts = Artifacts(cache)
        self.managed = ManagedRuntimes(cache, shell)
        self._engines = Engines(shell, state)
        self._shell = shell
        self._interpreters: dict[str, tuple[float, Path]] = {}
        self._fallbacks: set[str] = set()

    def interpreter(self, runtime: str) -> Path:
        """Return the interpreter for a runtime ("python3.13"); the host's own when there is none of that version.

        One that was not found is looked for again after a minute: it may have been installed.
        """
        until, known = self._interpreters.get(runtime, (0.0, None))
        if known is not None and time.monotonic() < until:
            return known
        if not runtime.startswith("python"):
            return host_interpreter()
        found = find_interpreter(runtime.removeprefix("python"), self._shell)
        (self._fallbacks.discard if found else self._fallbacks.add)(runtime)
        until = math.inf if found else time.monotonic() + _LOOK_AGAIN_SECONDS
        self._interpreters[runtime] = (until, found or host_interpreter())
        return self._interpreters[runtime][1]

    def prepare(self, spec: FunctionSpec) -> None:
        """Do beforehand what the first start of a function would have to wait for."""
        if isinstance(spec.code, ContainerImage) and LOCAL_ENGINE in spec.environment:
            self._engines.pull(spec.environment[LOCAL_ENGINE], spec.code)
            return
        mounts = self.artifacts.mounts(spec)
        self.managed.folder(self.interpreter(self._spec(spec, mounts).runtime))

    def launch(self, spec: FunctionSpec, variables: dict[str, str]) -> Start:
        """Return how to start a process of a function. Raises ValueError for an archive that is none, an image that cannot be run."""
        variables = {"AWS_ENDPOINT_URL": self.endpoint, **variables}
        if isinstance(spec.code, ContainerImage) and LOCAL_ENGINE in spec.environment:
            return self._contained(spec, spec.code, variables)
        mounts = self.artifacts.mounts(spec)
        spec = self._spec(spec, mounts)
        interpreter = self.interpreter(spec.runtime)
        runtime = self.managed.folder(interpreter)
        return self.sandbox.start(spec, mounts, runtime, interpreter, variables)

    def _contained(self, spec: FunctionSpec, image: ContainerImage, variables: dict[str, str]) -> Start:
        variables = {**lambda_facts(spec), **spec.environment, **variables}
        run = self._engines.run(spec, image, variables, file_systems(spec))
        return Start(run.argv, container=run.container)

    def _spec(self, spec: FunctionSpec, mounts: Mounts) -> FunctionSpec:
        """Return what is to be run: of an image, the function that its files and its configuration make."""
        if not isinstance(spec.code, ContainerImage):
            return spec
        found = image_process.of(spec, spec.code, mounts.python)
        self.interpreter(found.runtime)
        if found.runtime in self._fallbacks:
            raise ValueError(
                f"the image is for {found.runtime.replace('p', 'P', 1)}, which is not here{image_process.HINT}"
            )
        return found

    def limits(self) -> list[str]:
        """Say what this host cannot do for a function."""
        found = self.sandbox.limits()
        if self.managed.problem:
            found.append(f"boto3 is missing from functions: {self.managed.problem}")
        here = f"Python {host_minor()}"
        return found + [
            f"There is no {runtime} here: its functions run on {here}." for runtime in sorted(self._fallbacks)
        ]


class Engine:
    """Runs invocations on an event loop of its own."""

    def __init__(self, workshop: Workshop, logs: LogWriter) -> None:
        self.workshop = workshop
        self.logs = logs
        self.loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=self._run, name="functions", daemon=True)
        self._pools: dict[tuple[str, str, str], Pool] = {}
        self._retired: list[Pool] = []
        self._specs: dict[tuple[str, str, str | None], tuple[float, FunctionSpec]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._prepared: set[str] = set()

    def start(self) -> None:
        """Start the loop and its thread."""
        self.loop = asyncio.new_event_loop()
        self._thread.start()
        self.call(self._begin())

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """End every process, then the loop. Again: nothing."""
        if self.is_running:
            self.call(self._end())
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(10)
            self.loop.close()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run work on the loop from another thread and wait for its result."""
        return self.submit(work).result()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run work on the loop from another thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run work beside everything else, until it is done or the engine stops."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def every(self, seconds: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do work again and again, from another thread's call on until the engine stops."""
        self.loop.call_soon_threadsafe(lambda: self.spawn(self._every(seconds, work)))

    def spec(self, region: str, function: str, qualifier: str | None) -> FunctionSpec:
        """Return the version that is meant, at most half a second old. Raises Refused (404)."""
        key = (region, function, qualifier)
        at, spec = self._specs.get(key, (0.0, None))
        if spec is None or time.monotonic() - at > _FRESH_SECONDS:
            spec = registry.resolve(region, function, qualifier)
            self._specs[key] = (time.monotonic(), spec)
        return spec

    async def run(self, spec: FunctionSpec, request: Request, patient: bool = False) -> Outcome:
        """Run one request. Raises Refused (429) when there is no room, unless it is `patient`."""
        pool = self._pools.get(spec.key)
        if pool is None or (pool.spec is not spec and pool.spec.revision != spec.revision):
            if pool is not None:
                self._retired.append(pool)
                self.spawn(pool.retire())
            pool = self._pools[spec.key] = Pool(spec, self._make)
        pool.spec = spec
        return await pool.run(request, patient)

    def forget(self) -> None:
        """Drop what is known of functions, so that the next request reads it anew."""
        self._specs.clear()

    async def reconcile(self, current: list[FunctionSpec]) -> None:
        """Retire the environments of functions that are not as they were."""
        self.forget()
        revisions = {spec.key: spec.revision for spec in current}
        for key, pool in list(self._pools.items()):
            if revisions.get(key) != pool.spec.revision:
                self._retired.append(self._pools.pop(key))
                await pool.retire()

    def prepare(self, current: list[FunctionSpec]) -> None:
        """Get the functions that are new ready to be started, beside everything else."""
        for spec in current:
            if spec.revision not in self._prepared:
                self._prepared.add(spec.revision)
                self.spawn(self._prepare(spec))

    def environments(self) -> dict[tuple[str, str, str], list[Environment]]:
        """Return the environments of each function's version."""
        return {key: list(pool.environments) for key, pool in self._pools.items()}

    def _make(self, spec: FunctionSpec) -> Environment:
        return Environment(spec, self.workshop.launch, self.logs)

    async def _prepare(self, spec: FunctionSpec) -> None:
        with contextlib.suppress(OSError, ValueError):  # the first invoke will meet it again, and say so
            await asyncio.to_thread(self.workshop.prepare, spec)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("a task of the local Lambda failed", exc_info=task.exception())

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    async def _begin(self) -> None:
        self.spawn(self._every(FLUSH_SECONDS, self._write_logs))
        self.spawn(self._every(_TRIM_SECONDS, self._trim))
        self.spawn(asyncio.to_thread(self.workshop.artifacts.clean))

    async def _end(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        for pool in [*self._pools.values(), *self._retired]:
            await pool.kill()
        self._pools.clear()
        await asyncio.to_thread(self.logs.flush, self.logs.take())

    async def _every(self, seconds: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do something again and again; what fails once is tried again, and stops nothing else."""
        while True:
            await asyncio.sleep(seconds)
            try:
                await work()
            except Exception:
                _log.exception("%s failed", work.__name__)

    async def _write_logs(self) -> None:
        batches = self.logs.take()
        if batches:
            await asyncio.to_thread(self.logs.flush, batches)
        for pool in [*self._pools.values(), *self._retired]:
            for environment in pool.environments:
                environment.resume()

    async def _trim(self) -> None:
        for pool in list(self._pools.values()):
            await pool.trim()
        # A retired pool is kept until its last request is done, so that stopping ends that too.
        self._retired = [pool for pool in self._retired if pool.environments]


def new_request(spec: FunctionSpec, payload: bytes, qualifier: str | None, **options: Any) -> Request:
    """Return a request with ids of its own, under the ARN that it was asked for by."""
    identity = uuid.uuid4()
    trace = f"Root=1-{int(time.time()):x}-{identity.hex[:24]};Parent={identity.hex[:16]};Sampled=0"
    arn = f"{spec.arn}:{qualifier}" if qualifier else spec.arn
    return Request(str(identity), payload, arn, trace, **options)


__all__ = ["Engine", "Refused", "Workshop", "new_request"]
