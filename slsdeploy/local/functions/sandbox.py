"""Decides how a function's process is started on this host: with Lambda's file system where that can be made, else without.

Turns a function, its folders and its interpreter into a command line and an environment. Must not start anything but the probe.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slsdeploy.interpreters import host_interpreter
from slsdeploy.local.functions import image_process
from slsdeploy.local.functions.artifacts import Mounts
from slsdeploy.local.functions.containers import Container
from slsdeploy.local.functions.values import FunctionSpec
from slsdeploy.reach import LOCAL_FOLDER
from slsdeploy.tools import Shell

LAUNCHER = Path(__file__).with_name("launcher.py")
MOUNTS = "SLSDEPLOY_LOCAL_MOUNTS"  # "off": never use mount namespaces
LEVELS = ("mounts", "user-mounts")
_NO_NAMESPACES = "mount namespaces are not available here"

# Any access key works against the local AWS; functions get these, so that a signature of theirs can be verified.
ACCESS_KEY, SECRET_KEY, SESSION_TOKEN = "ASIALOCALFUNCTION000", "local", "local"


@dataclass(frozen=True, slots=True)
class Start:
    """What one process is started with; `temporary` is the folder of its own /tmp where that is no mount.

    With a `container` it is the engine's client, which only waits for that.
    """

    argv: Sequence[str]
    temporary: Path | None = None
    container: Container | None = None


class Sandbox:
    """What this host can do to fence a function in. `level` is "mounts", "user-mounts" or "none"."""

    def __init__(self, state: Path, shell: Shell) -> None:
        self._state = state
        self._root: Path | None = None
        self.level = "none"
        if sys.platform == "linux" and os.environ.get(MOUNTS) != "off":
            self._probe(shell)

    def start(
        self, spec: FunctionSpec, mounts: Mounts, runtime: Path, interpreter: Path, variables: Mapping[str, str]
    ) -> Start:
        """Return how to start a process of this function; `variables` are those that differ for each environment."""
        fenced = self.level != "none"
        task, opt = (Path("/var/task"), Path("/opt")) if fenced else (mounts.task, mounts.opt)
        inside = Path("/var/runtime") if fenced else runtime
        temporary = None if fenced else Path(tempfile.mkdtemp(prefix="tmp-", dir=self._state))
        environment = {
            **lambda_variables(spec, task, opt, inside, interpreter),
            **({} if temporary is None else {"TMPDIR": str(temporary)}),
            **spec.environment,
            **variables,
        }
        argv = _program(spec, task, opt, inside, interpreter)
        if argv[0] == str(interpreter):
            environment["SLSDEPLOY_OPT"] = str(opt)
        launch = {
            "level": self.level,
            "root": str(self._root or ""),
            "task": str(mounts.task),
            "opt": str(mounts.opt),
            "runtime": str(runtime),
            "storage": spec.storage,
            "file_systems": self._file_systems(spec),
            "keep": [str(_prefix(interpreter))],
            "argv": argv,
            "env": environment,
            "cwd": image_process.directory(spec, task, opt, temporary or Path("/tmp")),
        }
        return Start(_launch(interpreter, launch), temporary)

    def _file_systems(self, spec: FunctionSpec) -> dict[str, str]:
        """Return the folder to show at each place where a file system is mounted. Raises ValueError when that cannot be done."""
        if spec.mounts and self.level == "none":
            raise ValueError(
                f"{spec.mounts[0]} cannot be mounted: {_NO_NAMESPACES}, so the local AWS has no file systems"
            )
        return file_systems(spec)

    def limits(self) -> list[str]:
        """Say what this host cannot enforce."""
        always = [
            "Memory is measured 20 times a second: a peak shorter than that is not seen, and CPU is not limited by it.",
            "Functions run as your own user and reach the network as you do; their role's permissions are not enforced.",
        ]
        if self.level != "none":
            return ["/tmp of a function is kept in memory, at most as much as configured.", *always]
        why = _NO_NAMESPACES.capitalize()
        return [
            f"{why}: functions with a file system (FileSystemConfigs) do not start.",
            f"{why}: /var/task and /opt are ordinary folders (LAMBDA_TASK_ROOT says where), guarded by permissions only.",
            f"{why}: /tmp is the host's; TMPDIR is a folder of the function's own, but its size is not limited.",
            f"{why}: the rest of the file system is as writable as it is for you.",
            *always,
        ]

    def _probe(self, shell: Shell) -> None:
        """Try once, with a folder of no consequence, what a function will need."""
        root = _mount_point()
        if root is None:
            return
        empty = self._state / "empty"
        empty.mkdir(parents=True, exist_ok=True)
        for level in LEVELS:
            spec = {"level": level, "root": str(root), "storage": 1, "keep": [], "argv": [], "env": {}, "cwd": "/"}
            spec |= {"file_systems": {}}
            spec |= dict.fromkeys(("task", "opt", "runtime"), str(empty))
            if shell.run(_launch(host_interpreter(), spec)).code == 0:
                self.level, self._root = level, root
                return


def file_systems(spec: FunctionSpec) -> dict[str, str]:
    """Return the folder that stands for each file system, by the place where it is mounted. Raises ValueError when there is none."""
    folder = spec.environment.get(LOCAL_FOLDER, "")
    if spec.mounts and not (folder and Path(folder).is_dir()):
        what = f"the folder {folder} does not exist" if folder else f"no {LOCAL_FOLDER} says which folder stands for it"
        raise ValueError(f"{spec.mounts[0]} cannot be mounted: {what}")
    return dict.fromkeys(spec.mounts, folder)


def _mount_point() -> Path | None:
    """Return an empty folder of ours in /tmp, which functions do not see: roots are mounted on it, in their namespaces only.

    It is always the same one and never removed, so a local AWS that was killed leaves nothing more behind.
    """
    folder = Path(f"/tmp/slsdeploy-root-{os.getuid()}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    return folder if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() else None


def _launch(python: Path, spec: Mapping[str, object]) -> list[str]:
    return [str(python), "-I", "-S", "-B", str(LAUNCHER), json.dumps(spec)]


def _program(spec: FunctionSpec, task: Path, opt: Path, runtime: Path, interpreter: Path) -> list[str]:
    """Return what speaks the Runtime API: our bootstrap, or for an OS-only runtime the bundle's own.

    https://docs.aws.amazon.com/lambda/latest/dg/runtimes-provided.html
    """
    if not spec.runtime.startswith("provided"):
        return [str(interpreter), "-S", "-s", "-B", str(runtime / "bootstrap.py")]
    return ["/bin/sh", "-c", f'[ -x "{task}/bootstrap" ] && exec "{task}/bootstrap"; exec "{opt}/bootstrap"']


def lambda_variables(spec: FunctionSpec, task: Path, opt: Path, runtime: Path, interpreter: Path) -> dict[str, str]:
    """Return what Lambda defines for every function of this configuration.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
    """
    libraries = [f"{_prefix(interpreter)}/lib", "/lib64", "/usr/lib64", f"{runtime}", f"{runtime}/lib"]
    return {
        **lambda_facts(spec),
        "_HANDLER": spec.handler,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
        "LAMBDA_RUNTIME_DIR": str(runtime),
        "LAMBDA_TASK_ROOT": str(task),
        "LANG": "en_US.UTF-8",
        "LD_LIBRARY_PATH": ":".join([*libraries, f"{task}", f"{task}/lib", f"{opt}/lib"]),
        "PATH": f"{interpreter.parent}:/usr/local/bin:/usr/bin:/bin:{opt}/bin",
    }


def lambda_facts(spec: FunctionSpec) -> dict[str, str]:
    """Return those of them that name no folder: an image has its own."""
    return {
        **_starting_variables(spec),
        "AWS_DEFAULT_REGION": spec.region,
        "AWS_REGION": spec.region,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory),
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "TZ": ":UTC",
    }


def _starting_variables(spec: FunctionSpec) -> dict[str, str]:
    """Return those that a snapshot could not have: it has no log stream yet, and credentials would run out.

    https://docs.aws.amazon.com/lambda/latest/dg/snapstart-monitoring.html
    """
    if spec.snap_start:
        return {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}
    return {
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_SESSION_TOKEN": SESSION_TOKEN,
    }


def _prefix(interpreter: Path) -> Path:
    """Return the folder that an interpreter and its standard library are installed in."""
    return interpreter.parent.parent
