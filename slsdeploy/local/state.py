"""The state file: which process is this user's local AWS, and where it listens; and the lock that lets one be started at a time.

A pid alone says little, as the system gives it to another process later, and start times move when the clock is set. So the
local AWS holds a lock on the file `alive` for as long as it lives, however it ends: only while it is held is the state true.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import psutil

from slsdeploy import assets
from slsdeploy.errors import ToolError

_LOCK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class State:
    """A local AWS that runs: its process, that process's start time (seconds since the epoch), its URL."""

    pid: int
    create_time: float
    endpoint: str


def folder() -> Path:
    """Return the folder for what the local AWS keeps while it runs; made when missing. Raises ToolError."""
    path = assets.state_dir() / "local"
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        hint = "set SLSDEPLOY_STATE_DIR to a folder of yours"
        raise ToolError(f"the local AWS cannot keep its state: {error}", hint) from error
    return path


def log_file() -> Path:
    """Return the log of the local AWS that runs, or of the last one."""
    return folder() / "local.log"


def announce(endpoint: str) -> IO[str]:
    """Say that this process is the local AWS, for as long as the returned file is open."""
    alive = (folder() / "alive").open("w")
    fcntl.flock(alive, fcntl.LOCK_EX)  # who looks holds it for an instant; `lock` lets only one start
    own = State(os.getpid(), psutil.Process().create_time(), endpoint)
    new = _file().with_suffix(".new")
    new.write_text(json.dumps(asdict(own)))
    new.replace(_file())
    return alive


def withdraw(alive: IO[str]) -> None:
    """Say that this process is no longer the local AWS."""
    _file().unlink(missing_ok=True)
    alive.close()


def read() -> State | None:
    """Return the local AWS that runs, or None; what a dead one left is removed."""
    try:
        found = State(**json.loads(_file().read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        found = None
    if found is not None and _is_alive() and psutil.pid_exists(found.pid):
        return found
    _file().unlink(missing_ok=True)
    return None


@contextlib.contextmanager
def lock() -> Iterator[None]:
    """Hold the right to start or stop the local AWS; others wait. Raises ToolError after a minute."""
    with (folder() / "lock").open("w") as handle:
        deadline = time.monotonic() + _LOCK_SECONDS
        while not _try_lock(handle):
            if time.monotonic() > deadline:
                raise ToolError("another slsdeploy is starting or stopping the local AWS, and does not come to an end")
            time.sleep(0.05)
        yield


def _is_alive() -> bool:
    """Return whether some process holds the lock on `alive`."""
    try:
        with (folder() / "alive").open() as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False


def _try_lock(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _file() -> Path:
    return folder() / "state.json"
