"""Starts, finds and stops the local AWS: one background process per user, detached from the terminal, on loopback.

Imports nothing of moto or boto3, so that every command can afford to ask.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from slsdeploy.errors import ToolError
from slsdeploy.local import ports, state
from slsdeploy.tools import Reporter

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_ANSWER_SECONDS = 5.0
_LOG_LINES = 20


@dataclass(frozen=True, slots=True)
class Local:
    """The local AWS that runs: its URL, its process, whether it has just been started."""

    endpoint: str
    pid: int
    started: bool


@dataclass(frozen=True, slots=True)
class Status:
    """What `local status` shows; `regions` are those with functions, `limits` sentences on what is not as on AWS."""

    running: bool
    endpoint: str = ""
    pid: int = 0
    functions: tuple[dict[str, Any], ...] = ()
    limits: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()


def ensure(reporter: Reporter, port: int | None = None) -> Local:
    """Return the local AWS that runs, or start one (see `start`). Raises ToolError."""
    found = _find()
    if found is not None:
        return _running(found, port)
    with reporter.step("start the local AWS"):
        return start(port)


def find(up: str = "slsdeploy up --local") -> Local:
    """Return the local AWS that runs. Raises ToolError when none does: whatever was deployed to it is gone, and `up` deploys it again."""
    found = _find()
    if found is None:
        raise ToolError("the local AWS is not running", f"`{up}` starts it and deploys to it")
    return _running(found, None)


def start(port: int | None) -> Local:
    """Start the local AWS, unless it runs; `port` None takes the usual one, or any when that is taken. Raises ToolError."""
    with state.lock():
        found = _find()
        if found is not None:
            return _running(found, port)
        if port is not None and not ports.is_free(port):
            raise ToolError(
                f"port {port} is taken by {ports.owner(port)}",
                f"stop that process, or choose another port: slsdeploy local start --port {port + 1}",
                f"{ports.HOST}:{port}",
            )
        _clear_runs()
        return _launch(port)


def stop() -> bool:
    """End the local AWS and every function process; return whether one ran."""
    with state.lock():
        found = state.read()
        if found is None:
            return False
        _end(found.pid)
        state.read()  # removes what it left, if it had to be killed
        return True


def status() -> Status:
    """Return what the local AWS says of itself. Raises ToolError when it runs and does not answer."""
    found = _find()
    if found is None:
        return Status(running=False)
    try:
        said = json.loads(_get(found, "/_slsdeploy/status"))
    except (OSError, HTTPException, ValueError) as error:
        raise _silent(found, error) from error
    functions, limits, regions = (tuple(said[name]) for name in ("functions", "limits", "regions"))
    return Status(True, found.endpoint, found.pid, functions, limits, regions)


def _find() -> state.State | None:
    """Return the local AWS that runs and answers; one that is just dying is waited for. Raises ToolError when it hangs."""
    deadline = time.monotonic() + _ANSWER_SECONDS
    while (found := state.read()) is not None:
        try:
            _get(found, "/_slsdeploy/ping")
            return found
        except (OSError, HTTPException) as error:
            if time.monotonic() > deadline:
                raise _silent(found, error) from error
        time.sleep(0.05)
    return None


def _silent(found: state.State, why: object) -> ToolError:
    hint = "slsdeploy local stop, then try again"
    return ToolError(f"the local AWS (pid {found.pid}) does not answer: {why}", hint, found.endpoint)


def _port(found: state.State) -> int:
    port = urlsplit(found.endpoint).port
    assert port is not None, found.endpoint
    return port


def _running(found: state.State, port: int | None) -> Local:
    if port is not None and _port(found) != port:
        raise ToolError(
            f"the local AWS runs already, on {found.endpoint}", "slsdeploy local stop ends it", found.endpoint
        )
    return Local(found.endpoint, found.pid, started=False)


def _launch(port: int | None) -> Local:
    argv = [sys.executable, "-P", "-m", "slsdeploy.local", *([] if port is None else ["--port", str(port)])]
    with state.log_file().open("w") as log:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=state.folder(),
            env=_environment(),
            start_new_session=True,
        )
    try:
        found = _wait(child)
    except BaseException:  # Ctrl-C as well: half a local AWS is of no use
        with contextlib.suppress(psutil.Error):
            _end(child.pid)
        raise
    child.returncode = 0  # it outlives us: no warning that it still runs
    return Local(found.endpoint, found.pid, started=True)


def _wait(child: subprocess.Popen[bytes]) -> state.State:
    deadline = time.monotonic() + _START_SECONDS
    while child.poll() is None and time.monotonic() < deadline:
        found = state.read()
        if found is not None and found.pid == child.pid:
            return found
        time.sleep(0.02)
    ended = (
        f"ended with exit code {child.returncode}"
        if child.poll() is not None
        else f"was not ready after {_START_SECONDS:.0f} s"
    )
    raise ToolError(
        f"the local AWS {ended}; the end of its log:\n{_log_tail()}",
        "mend what the log says, then run the command again",
        str(state.log_file()),
    )


def _log_tail() -> str:
    lines = state.log_file().read_text(errors="replace").splitlines()
    return "\n".join(lines[-_LOG_LINES:]) or "(empty)"


def _environment() -> dict[str, str]:
    """Return our environment without the user's AWS settings: a profile or a proxy must not reach the local AWS."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
    nothing = {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return {**kept, **nothing, "PYTHONUNBUFFERED": "1"}


def _end(pid: int) -> None:
    """Ask a process to end, and insist after a while; it may be gone at any moment."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(_STOP_SECONDS)


def _get(found: state.State, path: str) -> bytes:
    connection = HTTPConnection(ports.HOST, _port(found), timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def _clear_runs() -> None:
    """Remove what earlier local AWSs left of their function environments."""
    for left in Path(state.folder()).glob("run-*"):
        shutil.rmtree(left, ignore_errors=True)
