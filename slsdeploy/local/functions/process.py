"""One operating system process that runs a function: started, read, measured, killed. Knows nothing of requests."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from pathlib import Path

import psutil

from slsdeploy.local.functions.containers import Container
from slsdeploy.local.functions.logs import Stream
from slsdeploy.local.functions.sandbox import Start
from slsdeploy.local.functions.trees import remove_tree

_READ = 1 << 16
_SIGNALS = 128
_LOOK_SECONDS = 0.2


class Process:
    """A running process. `exit` is done with its exit code (negative: the signal that ended it)."""

    def __init__(self, start: Start, stream: Stream) -> None:
        loop = asyncio.get_running_loop()
        self._start = start
        self._stream = stream
        self._loop = loop
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        try:
            self._child = subprocess.Popen(
                list(start.argv),
                # An engine's client wants PATH, and what says where its engine is.
                env={} if start.container is None else dict(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=writer,
                stderr=writer,
                start_new_session=True,
            )
        except OSError:
            os.close(self._reader)
            raise
        finally:
            os.close(writer)
        self.pid = self._child.pid
        self.peak = 0
        self.was_killed = False
        self._measured: psutil.Process | None = None
        self._is_reading = False
        self._is_closed = False
        self.resume()
        self.exit: asyncio.Task[int] = loop.create_task(self._wait())
        if start.container is not None:
            self._search = loop.create_task(self._find(start.container))

    @property
    def is_contained(self) -> bool:
        return self._start.container is not None

    def drain(self) -> None:
        """Read what is there to be read now, so that what was printed before an answer is logged before its END line."""
        for _ in range(0 if self._is_closed else 16):
            try:
                chunk = os.read(self._reader, _READ)
            except (BlockingIOError, OSError):
                return
            if not chunk:
                self._pause()
                return
            self._stream.write(chunk)
            if len(chunk) < _READ or self._stream.is_full:
                break
        if self._stream.is_full:
            self._pause()

    def resume(self) -> None:
        """Read on after a flood: while the log was being written, the process had to wait. Nothing, once it has ended."""
        if not self._is_closed and not self._is_reading and not self._stream.is_full:
            self._loop.add_reader(self._reader, self.drain)
            self._is_reading = True

    def measure(self) -> int:
        """Return the memory in use now, in bytes, the process's children included; remember the highest."""
        with contextlib.suppress(psutil.Error, OSError):
            if self._measured is None:
                if self._start.container is not None:
                    return 0  # not found yet
                self._measured = psutil.Process(self.pid)
            pid = self._measured.pid
            used = self._measured.memory_info().rss + sum(_rss(child) for child in _children(pid))
            self.peak = max(self.peak, used)
            return used
        return 0

    def kill(self) -> None:
        """End it and everything it started, at once."""
        if self._start.container is not None and not self._is_closed and not self.was_killed:
            self._loop.run_in_executor(None, self._start.container.remove)
        self.was_killed = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    async def _find(self, container: Container) -> None:
        """Find the process that runs in a container, to measure it; on another machine (Docker Desktop's) it is not seen."""
        while not self.exit.done():
            with contextlib.suppress(OSError, psutil.Error):
                self._measured = psutil.Process(await asyncio.to_thread(container.pid))
                return
            await asyncio.sleep(_LOOK_SECONDS)

    async def _wait(self) -> int:
        code = await _exit_of(self._child)
        if self._start.container is None:
            self.kill()
        elif code > _SIGNALS:  # as a shell says it
            code = _SIGNALS - code
        self.drain()
        self._pause()
        # The number may be another file's at once: from here on it is not to be used.
        self._is_closed = True
        os.close(self._reader)
        if self._start.temporary is not None:
            await asyncio.to_thread(remove_tree, self._start.temporary)
        return code

    def _pause(self) -> None:
        if self._is_reading:
            self._loop.remove_reader(self._reader)
            self._is_reading = False


async def _exit_of(child: subprocess.Popen[bytes]) -> int:
    """Wait without a thread where the system can tell us (Linux), by looking now and then elsewhere."""
    if hasattr(os, "pidfd_open"):
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        descriptor = os.pidfd_open(child.pid)
        loop.add_reader(descriptor, _set, ended)
        try:
            await ended
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        return child.wait()
    while (code := child.poll()) is None:
        await asyncio.sleep(0.02)
    return code


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _children(pid: int) -> list[int]:
    """Return the processes below one, where /proc tells (Linux); psutil would look at every process of the machine."""
    found: list[int] = []
    with contextlib.suppress(OSError, ValueError):
        for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
            found += [child, *_children(child)]
    return found


def _rss(pid: int) -> int:
    with contextlib.suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0


def exit_reason(code: int) -> str:
    """Return how Lambda words the end of a process."""
    if code == 0:
        return "Runtime exited without providing a reason"
    if code > 0:
        return f"Runtime exited with error: exit status {code}"
    name = signal.strsignal(-code) or str(-code)
    return f"Runtime exited with error: signal: {name.split(' (')[0].lower()}"
