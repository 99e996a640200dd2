"""One execution environment: a process, its Runtime API and its log stream; initialised once, one request at a time.

What ends a process (its time, its memory, its own exit) and how that is answered and logged is decided here, as in
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html.
"""

from __future__ import annotations

import asyncio
import json
import math
import signal
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from slsdeploy.local.functions import snapshots
from slsdeploy.local.functions.logs import LogWriter, Stream
from slsdeploy.local.functions.process import Process, exit_reason
from slsdeploy.local.functions.runtime_api import NOT_TAKEN, RuntimeApi
from slsdeploy.local.functions.sandbox import ACCESS_KEY, SECRET_KEY, SESSION_TOKEN, Start
from slsdeploy.local.functions.values import INIT_SECONDS, FunctionSpec, Outcome, Request, failure

MEASURE_SECONDS = 0.05
MB = 1 << 20

Launch = Callable[[FunctionSpec, dict[str, str]], Start]


class Environment:
    """An execution environment. Lives on the event loop; `dead` once its process is gone."""

    def __init__(self, spec: FunctionSpec, launch: Launch, logs: LogWriter) -> None:
        self.spec = spec
        self.id = uuid.uuid4().hex
        self.busy = False
        self.dead = False
        self.last_used = time.monotonic()
        self._launch = launch
        self._logs = logs
        self._stream: Stream = logs.add(spec.region, spec.log_group, spec.version, self.id)
        self._api: RuntimeApi | None = None
        self._process: Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._out_of_memory = False
        self._started = time.perf_counter()
        self._init_ms: float | None = None
        self._restore_ms: float | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def is_gone(self) -> bool:
        """Whether the process ended by itself."""
        return self._process is not None and self._process.exit.done()

    @property
    def memory(self) -> int:
        """The most memory that it has used, in MB."""
        return math.ceil(self._process.peak / MB) if self._process else 0

    async def invoke(self, request: Request) -> Outcome:
        """Run one request to its end, starting the process first if there is none yet. Never raises."""
        if request.wants_tail:
            self._stream.start_tail()
        failed = await self._begin(request) if self._api is None else None
        if failed is not None and failed.kind in snapshots.REFUSALS:
            return await self._refuse(failed)
        # The time that starting took is not the function's.
        deadline = time.time() + self.spec.timeout
        self._log(f"START RequestId: {request.id} Version: {self.spec.version}")
        begun = time.perf_counter()
        if failed is not None and failed.kind == "Sandbox.InitTimeout" and not self.spec.snap_start:
            failed = await self._start(self.spec.timeout, _timed_out(self.spec, request))
        outcome = failed if failed is not None else await self._run(request, deadline)
        took = (time.perf_counter() - begun) * 1000
        outcome = replace(outcome, duration_ms=took, init_ms=self._init_ms, restore_ms=self._restore_ms)
        self._init_ms = self._restore_ms = None
        if outcome.kind != NOT_TAKEN:
            self._report(request, outcome)
        if outcome.kind in _LAST or failed is not None:
            await self.close()
        self.last_used = time.monotonic()
        return replace(outcome, tail=self._stream.end_tail()) if request.wants_tail else outcome

    async def close(self) -> None:
        """End the process and write the rest of its log."""
        if not self.dead:
            self.dead = True
            await self._stop()
            self._logs.close(self._stream)

    def resume(self) -> None:
        """Read the process's output on, now that the log is written."""
        if self._process is not None and not self.dead:
            self._process.resume()

    async def _begin(self, request: Request) -> Outcome | None:
        """Get ready for the first request; return how that failed."""
        failed = await self._initialise(request)
        if not self.spec.snap_start:
            return failed
        return await self._restore(request) if failed is None else snapshots.init_failure(self.spec, failed)

    async def _restore(self, request: Request) -> Outcome | None:
        """Let the process go on as if it were restored from a snapshot of what it is now; return how that failed."""
        assert self._api is not None
        self._log("RESTORE_START")
        begun = time.perf_counter()
        self._api.restore()
        done, _ = await asyncio.wait([self._api.ready], timeout=snapshots.RESTORE_SECONDS)
        failed = self._api.ready.result() if done else None
        self._restore_ms = (time.perf_counter() - begun) * 1000
        if not done or failed is not None:
            failed = snapshots.restore_failure(failed and _named(failed, request))
        self._log(f"RESTORE_REPORT Restore Duration: {self._restore_ms:.2f} ms{_status(failed)}")
        return failed

    async def _refuse(self, failed: Outcome) -> Outcome:
        """Answer in place of the function; what could not be restored is not used again."""
        if self._process is not None:
            self._process.drain()
        tail = self._stream.end_tail()
        await self.close()
        return replace(failed, tail=tail)

    async def _initialise(self, request: Request) -> Outcome | None:
        """Start the process; return how that failed. Ten seconds, and once more inside the invocation, as on Lambda."""
        seconds = snapshots.init_seconds(self.spec) if self.spec.snap_start else INIT_SECONDS
        failed = await self._start(seconds, failure("Sandbox.InitTimeout", ""))
        spent = (time.perf_counter() - self._started) * 1000
        if failed is None and not self.spec.snap_start:
            self._init_ms = spent
            return None
        self._log(f"INIT_REPORT Init Duration: {spent:.2f} ms\tPhase: init{_status(failed)}")
        if failed is None:
            return None
        if failed.kind in ("Runtime.ExitError", "Runtime.OutOfMemory"):
            failed = failure(failed.kind, f"RequestId: {request.id} Error: {_message(failed)}")
        return failed

    async def _start(self, seconds: float, too_slow: Outcome) -> Outcome | None:
        """Start a process and wait until it asks for work; return how it failed, `too_slow` if it did not in time."""
        await self._stop()
        keys = snapshots.Credentials(ACCESS_KEY, SECRET_KEY, SESSION_TOKEN) if self.spec.snap_start else None
        api = self._api = RuntimeApi(keys)
        await api.open()
        variables = {
            "AWS_LAMBDA_RUNTIME_API": api.address,
            **(keys.variables(api.address) if keys else {"AWS_LAMBDA_LOG_STREAM_NAME": self._stream.name}),
        }
        try:
            # Extracting the bundle is no part of the start that is measured and limited.
            start = await asyncio.to_thread(self._launch, self.spec, variables)
            self._started = time.perf_counter()
            self._process = Process(start, self._stream)
        except (OSError, ValueError) as error:
            return failure("Runtime.InvalidEntrypoint", str(error))
        self._watch = asyncio.create_task(self._guard(api, self._process))
        done, _ = await asyncio.wait([api.initialised], timeout=seconds)
        if not done:
            await self._stop()
            return too_slow
        self._process.measure()
        return api.initialised.result()

    async def _run(self, request: Request, deadline: float) -> Outcome:
        assert self._api is not None and self._process is not None
        if self._process.exit.done():
            return failure(NOT_TAKEN, "")
        answer = self._api.hand(request, int(deadline * 1000))
        done, _ = await asyncio.wait([answer], timeout=max(0.0, deadline - time.time()))
        if not done:
            self._process.drain()
            timed_out = _timed_out(self.spec, request)
            now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
            self._log(f"{now} {request.id} Task timed out after {self.spec.timeout:.2f} seconds\n")
            return timed_out
        return _named(answer.result(), request)

    async def _guard(self, api: RuntimeApi, process: Process) -> None:
        """Watch the process: its memory while it works, and its end."""
        limit = self.spec.memory * MB
        while not process.exit.done():
            await asyncio.wait([process.exit], timeout=MEASURE_SECONDS)
            if (self.busy or not api.ready.done()) and process.measure() > limit:
                self._out_of_memory = True
                process.kill()
                await process.exit
        # A container's memory is limited by the kernel, which kills what wants more.
        self._out_of_memory |= (
            process.is_contained and not process.was_killed and process.exit.result() == -signal.SIGKILL
        )
        api.end(self._ended(process.exit.result()))

    def _ended(self, code: int) -> Outcome:
        kind = "Runtime.OutOfMemory" if self._out_of_memory else "Runtime.ExitError"
        return failure(kind, exit_reason(code))

    async def _stop(self) -> None:
        """End the process, if there is one, and its Runtime API."""
        if self._process is not None:
            self._process.kill()
        if self._watch is not None:
            # It ends by itself with the process, and tells whoever waits for an answer.
            await asyncio.wait([self._watch], timeout=5)
            self._watch.cancel()
            self._watch = None
        if self._api is not None:
            await self._api.close()
            self._api = None

    def _log(self, line: str) -> None:
        self._stream.line(line.encode())

    def _report(self, request: Request, outcome: Outcome) -> None:
        """Write the END and REPORT lines. A cold start's time is billed as well.

        https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
        """
        if self._process is not None:
            self._process.drain()
        self._stream.end_line()
        starting = math.ceil(outcome.restore_ms or 0.0)
        fields = [
            f"REPORT RequestId: {request.id}",
            f"Duration: {outcome.duration_ms:.2f} ms",
            f"Billed Duration: {math.ceil(outcome.duration_ms + (outcome.init_ms or 0.0)) + starting} ms",
            f"Memory Size: {self.spec.memory} MB",
            f"Max Memory Used: {min(self.memory, self.spec.memory)} MB",
        ]
        if outcome.init_ms is not None:
            fields.append(f"Init Duration: {outcome.init_ms:.2f} ms")
        if outcome.restore_ms is not None:
            fields += [f"Restore Duration: {outcome.restore_ms:.2f} ms", f"Billed Restore Duration: {starting} ms"]
        self._log(f"END RequestId: {request.id}")
        self._log("\t".join(fields) + (_status(outcome) if outcome.kind in _FATAL else "") + "\t")


_FATAL = frozenset({"Sandbox.Timedout", "Runtime.ExitError", "Runtime.OutOfMemory", "Runtime.InvalidEntrypoint"})
# A runtime client is told that its answer was too large, and ends itself over it.
_LAST = _FATAL | {NOT_TAKEN, "Function.ResponseSizeTooLarge"}


_TIMEOUTS = frozenset({"Sandbox.Timedout", "Sandbox.InitTimeout", "SnapStartTimeoutException"})


def _status(outcome: Outcome | None) -> str:
    """Return the end of a report's line on what failed."""
    if outcome is None:
        return ""
    return "\tStatus: timeout" if outcome.kind in _TIMEOUTS else f"\tStatus: error\tError Type: {outcome.kind}"


def _timed_out(spec: FunctionSpec, request: Request) -> Outcome:
    return failure(
        "Sandbox.Timedout", f"RequestId: {request.id} Error: Task timed out after {spec.timeout:.2f} seconds"
    )


def _named(outcome: Outcome, request: Request) -> Outcome:
    """Put the request's id into what the platform says of a process that ended."""
    if outcome.kind in ("Runtime.ExitError", "Runtime.OutOfMemory"):
        return failure(outcome.kind, f"RequestId: {request.id} Error: {_message(outcome)}")
    return outcome


def _message(outcome: Outcome) -> str:
    return str(json.loads(outcome.payload)["errorMessage"])
