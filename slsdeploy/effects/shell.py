"""Running other programs: the `Shell` of `tools`, over subprocess. The only place outside `local/` that starts a process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from slsdeploy.errors import ToolError
from slsdeploy.tools import TIMED_OUT, Completed

_MOST_BYTES = 1_000_000


class SystemShell:
    """Runs programs of this machine and keeps what they write; none waits for the terminal."""

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        inherit: bool = True,
        given: str = "",
        limit: float | None = None,
    ) -> Completed:
        """Run a program to its end; `env` is added to ours, or is all there is (`inherit`); `given` is its standard input.

        A non-zero exit code is returned, not raised. After `limit` seconds it is killed with all that it started: TIMED_OUT.

        Raises ToolError when there is no such program, or it may not be run.
        """
        environment = {**(os.environ if inherit else {}), **(env or {})}
        try:
            if limit is not None:
                return _within(argv, cwd, environment, given, limit)
            done = subprocess.run(
                list(argv),
                cwd=cwd,
                env=environment,
                input=given,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
            )
        except OSError as error:
            raise _cannot_run(argv[0], cwd, error) from error
        return Completed(done.returncode, done.stdout, done.stderr)


def _within(
    argv: Sequence[str], cwd: Path | None, environment: Mapping[str, str], given: str, limit: float
) -> Completed:
    """Run a program in a session of its own, which ends with it or with the time, whatever else is in it."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as fed:
        fed.write(given.encode())
        fed.seek(0)
        process = subprocess.Popen(
            list(argv), cwd=cwd, env=environment, stdin=fed, stdout=output, stderr=errors, start_new_session=True
        )
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            code = TIMED_OUT
        finally:
            _end(process)
        return Completed(code, _last(output), _last(errors))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the program and what it started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _last(stream: IO[bytes]) -> str:
    """Return the end of what was written: a program that never ends may have written much."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _MOST_BYTES))
    return stream.read().decode("utf-8", "replace")


def _cannot_run(program: str, cwd: Path | None, error: OSError) -> ToolError:
    if cwd is not None and not cwd.is_dir():
        return ToolError(f"cannot run {program}: there is no folder {cwd}", where=str(cwd))
    if isinstance(error, FileNotFoundError):
        return ToolError(f"there is no program {program}", f"install {Path(program).name}, or put it on PATH", program)
    return ToolError(
        f"cannot run {program}: {error.strerror or error}", "look at the file and its permissions", program
    )
