"""Running other programs: the `Shell` of `tools`, over subprocess. The only place outside `local/` that starts a process."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from slsdeploy.errors import ToolError
from slsdeploy.tools import Completed


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
    ) -> Completed:
        """Run a program to its end; `env` is added to ours, or is all there is (`inherit`); `given` is its standard input.

        A non-zero exit code is returned, not raised.

        Raises ToolError when there is no such program, or it may not be run.
        """
        try:
            done = subprocess.run(
                list(argv),
                cwd=cwd,
                env={**(os.environ if inherit else {}), **(env or {})},
                input=given,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
            )
        except OSError as error:
            raise _cannot_run(argv[0], cwd, error) from error
        return Completed(done.returncode, done.stdout, done.stderr)


def _cannot_run(program: str, cwd: Path | None, error: OSError) -> ToolError:
    if cwd is not None and not cwd.is_dir():
        return ToolError(f"cannot run {program}: there is no folder {cwd}", where=str(cwd))
    if isinstance(error, FileNotFoundError):
        return ToolError(f"there is no program {program}", f"install {Path(program).name}, or put it on PATH", program)
    return ToolError(
        f"cannot run {program}: {error.strerror or error}", "look at the file and its permissions", program
    )
