"""One execution environment: a process, its Runtime API and its log stream; initialised once, one request at a time.

What ends a process (its time, its memory, its own exit) and how that is answered and logged is decided here, as in
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from slsdeploy.local.functions.logs import LogWriter, Stream
from slsdeploy.local.functions.process import Process, exit_reason
from slsdeploy.local.functions.runtime_api import NOT_TAKEN, RuntimeApi
from slsdeploy.local.functions.sandbox import Start
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
        failed = await self._initialise(request) if self._api is None else None
        # The time that starting took is not the function's.
        deadline = time.time() + self.spec.timeout
        self._log(f"START RequestId: {request.id} Version: {self.spec.version}")
        begun = time.perf_counter()
        if failed is not None and failed.kind == "Sandbox.InitTimeout":
            failed = await self._start(self.spec.timeout, _timed_out(self.spec, request))
        outcome = failed if failed is not None else await self._run(request, deadline)
        outcome = replace(outcome, duration_ms=(time.perf_counter() - begun) * 1000, init_ms=self._init_ms)
        self._init_ms = None
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

    async def _initialise(self, request: Request) -> Outcome | None:
        """Start the process; return how that failed. Ten seconds, and once more inside the invocation, as on Lambda."""
        failed = await self._start(INIT_SECONDS, failure("Sandbox.InitTimeout", ""))
        spent = (time.perf_counter() - self._started) * 1000
        if failed is None:
            self._init_ms = spent
            return None
        status = "timeout" if failed.kind == "Sandbox.InitTimeout" else f"error\tError Type: {failed.kind}"
        self._log(f"INIT_REPORT Init Duration: {spent:.2f} ms\tPhase: init\tStatus: {status}")
        if failed.kind in ("Runtime.ExitError", "Runtime.OutOfMemory"):
            failed = failure(failed.kind, f"RequestId: {request.id} Error: {_message(failed)}")
        return failed

    async def _start(self, seconds: float, too_slow: Outcome) -> Outcome | None:
        """Start a process and wait until it asks for work; return how it failed, `too_slow` if it did not in time."""
        await self._stop()
        api = self._api = RuntimeApi()
        await api.open()
        variables = {
            "AWS_LAMBDA_LOG_STREAM_NAME": self._stream.name,
            "AWS_LAMBDA_RUNTIME_API": api.address,
        }
        try:
            # Extracting the bundle is no part of the start that is measured and limited.
            start = await asyncio.to_thread(self._launch, self.spec, variables)
            self._started = time.perf_counter()
            self._process = Process(start, self._stream)
        except (OSError, ValueError) as error:
            return failure("Runtime.InvalidEntrypoint", str(error))
        self._watch = asyncio.create_task(self._guard(api, self._process))
        done, _ = await asyncio.wait([api.ready], timeout=seconds)
        if not done:
            await self._stop()
            return too_slow
        self._process.measure()
        return api.ready.result()

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
        init = outcome.init_ms or 0.0
        fields = [
            f"REPORT RequestId: {request.id}",
            f"Duration: {outcome.duration_ms:.2f} ms",
            f"Billed Duration: {math.ceil(outcome.duration_ms + init)} ms",
            f"Memory Size: {self.spec.memory} MB",
            f"Max Memory Used: {min(self.memory, self.spec.memory)} MB",
        ]
        if outcome.init_ms is not None:
            fields.append(f"Init Duration: {outcome.init_ms:.2f} ms")
        if outcome.kind in _FATAL:
            status = "timeout" if outcome.kind == "Sandbox.Timedout" else f"error\tError Type: {outcome.kind}"
            fields.append(f"Status: {status}")
        self._log(f"END RequestId: {request.id}")
        self._log("\t".join(fields) + "\t")


_FATAL = frozenset({"Sandbox.Timedout", "Runtime.ExitError", "Runtime.OutOfMemory", "Runtime.InvalidEntrypoint"})
# A runtime client is told that its answer was too large, and ends itself over it.
_LAST = _FATAL | {NOT_TAKEN, "Function.ResponseSizeTooLarge"}


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
