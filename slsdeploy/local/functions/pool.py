"""The environments of one function's version: reused when free, more started when not, up to a limit; the rest wait."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable

from slsdeploy.local.functions.environment import Environment
from slsdeploy.local.functions.runtime_api import NOT_TAKEN
from slsdeploy.local.functions.values import FunctionSpec, Outcome, Refused, Request

CONCURRENCY = "SLSDEPLOY_LOCAL_CONCURRENCY"
IDLE_SECONDS = "SLSDEPLOY_LOCAL_IDLE_SECONDS"
_WAITING = 1000
_WAIT_SECONDS = 30.0


def concurrency() -> int:
    """Return how many environments a function may have: twice the cores, at least 4, unless `SLSDEPLOY_LOCAL_CONCURRENCY`."""
    return int(os.environ.get(CONCURRENCY) or max(4, 2 * (os.cpu_count() or 1)))


def idle_seconds() -> float:
    """Return how long a free environment is kept: 5 minutes, unless `SLSDEPLOY_LOCAL_IDLE_SECONDS`."""
    return float(os.environ.get(IDLE_SECONDS) or 300)


class Pool:
    """The environments of one revision of one version. Lives on the event loop."""

    def __init__(self, spec: FunctionSpec, make: Callable[[FunctionSpec], Environment]) -> None:
        self.spec = spec
        self.environments: list[Environment] = []
        self._make = make
        self._free: list[Environment] = []
        self._waiting: deque[asyncio.Future[Environment | None]] = deque()
        self._retired = False

    async def run(self, request: Request, patient: bool = False) -> Outcome:
        """Run a request in a free environment, or a new one, or when one is free again.

        Raises Refused (429) when too many wait already, or for too long; never for a `patient` one.
        """
        while True:
            environment = await self._take(patient)
            environment.busy = True
            try:
                outcome = await environment.invoke(request)
            finally:
                environment.busy = False
                await self._give_back(environment)
            if outcome.kind != NOT_TAKEN:
                return outcome

    async def retire(self) -> None:
        """End the free environments now and the busy ones when they are done; for a revision that is replaced or deleted."""
        self._retired = True
        while self._waiting:
            self._wake(None)
        free, self._free = self._free, []
        for environment in free:
            await self._end(environment)

    async def trim(self) -> None:
        """End the environments that were free for too long, or whose process ended by itself."""
        limit = time.monotonic() - idle_seconds()
        for environment in [one for one in self._free if one.last_used < limit or one.is_gone]:
            self._free.remove(environment)
            await self._end(environment)

    async def kill(self) -> None:
        """End every environment, busy or not."""
        self._retired = True
        for environment in list(self.environments):
            await self._end(environment)

    @property
    def _limit(self) -> int:
        reserved = self.spec.concurrency
        return concurrency() if reserved is None else min(reserved, concurrency())

    async def _take(self, patient: bool) -> Environment:
        while True:
            if self._free:
                # The last one used: its memory is warm, and the others get the chance to be retired.
                return self._free.pop()
            if len(self.environments) < self._limit or self._retired:
                environment = self._make(self.spec)
                self.environments.append(environment)
                return environment
            found = await self._wait(patient)
            if found is not None:
                return found

    async def _wait(self, patient: bool) -> Environment | None:
        if self._limit == 0 or (len(self._waiting) >= _WAITING and not patient):
            raise _throttled()
        turn: asyncio.Future[Environment | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await asyncio.wait_for(turn, None if patient else self.spec.timeout + _WAIT_SECONDS)
        except TimeoutError:
            raise _throttled() from None
        finally:
            if turn in self._waiting:
                self._waiting.remove(turn)

    async def _give_back(self, environment: Environment) -> None:
        if environment.dead or self._retired:
            await self._end(environment)
            self._wake(None)
        elif not self._wake(environment):
            self._free.append(environment)

    def _wake(self, environment: Environment | None) -> bool:
        """Give the one that waits longest an environment, or with None the right to start one."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(environment)
                return True
        return False

    async def _end(self, environment: Environment) -> None:
        if environment in self.environments:
            self.environments.remove(environment)
        await environment.close()


def _throttled() -> Refused:
    return Refused(429, "TooManyRequestsException", "Rate Exceeded.")
