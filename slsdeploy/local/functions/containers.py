"""A function's image in a real container, where `up --local --engine` asks for one: pulled from the local registry, run, removed.

The container has Lambda's limits as far as an engine has them: nothing writable but /tmp, which is as large as configured, memory, an
unprivileged user. It shares the host's network, so that the Runtime API and the local AWS are where they are for a process, too.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slsdeploy.errors import ToolError
from slsdeploy.local.functions.values import ContainerImage, FunctionSpec
from slsdeploy.reach import LOCAL_ENGINE
from slsdeploy.tools import Shell

ENGINES = ("docker", "podman")
_USER = "993:990"  # as on Lambda: neither root nor anybody else's
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_PROCESSES = 1024
_FILES = 1024
_SECONDS = 20
_USER_PROCESSES = 32768  # of that user in all containers: as many as Linux counts


@dataclass(frozen=True, slots=True)
class Container:
    """A container of an engine, by its name, which is known before it is there."""

    engine: str
    name: str

    def pid(self) -> int:
        """Return the process that it runs, as the host counts. Raises OSError while it runs none, or the host does not see it."""
        argv = [self.engine, "inspect", "--format", "{{.State.Pid}}", self.name]
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except subprocess.SubprocessError as error:
            raise OSError(str(error)) from error
        if done.returncode or not done.stdout.strip().isdigit() or done.stdout.strip() == "0":
            raise OSError(f"{self.name} does not run")
        return int(done.stdout)

    def remove(self) -> None:
        """Kill and remove it; one that is gone is fine."""
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            argv = [self.engine, "rm", "--force", self.name]
            subprocess.run(argv, capture_output=True, timeout=_SECONDS, check=False)


@dataclass(frozen=True, slots=True)
class Run:
    """How a container is started, and which it is."""

    argv: Sequence[str]
    container: Container


class Engines:
    """The engines of this machine, and what runs in them for this local AWS. Thread-safe."""

    def __init__(self, shell: Shell, state: Path) -> None:
        self._shell = shell
        self._label = f"slsdeploy.local={state.parent}"  # where one local AWS runs at a time
        self._swept: set[str] = set()
        self._pulled: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def pull(self, engine: str, image: ContainerImage) -> str:
        """Let an engine have an image; return its reference. Raises ValueError."""
        if engine not in ENGINES:
            raise ValueError(f'"{engine}" is no engine that is known here: {" or ".join(ENGINES)}')
        reference = f"{image.repository}@{image.digest}"
        with self._lock:
            if engine not in self._swept:
                self._sweep(engine)
            if (engine, reference) not in self._pulled:
                plain = ["--tls-verify=false"] if engine == "podman" else []
                self._call([engine, "pull", "--quiet", *plain, reference])
                self._pulled.add((engine, reference))
        return reference

    def run(
        self, spec: FunctionSpec, image: ContainerImage, variables: Mapping[str, str], volumes: Mapping[str, str]
    ) -> Run:
        """Return how to start a container of a function; `volumes` are folders by the place where they are shown. Raises ValueError."""
        engine = spec.environment[LOCAL_ENGINE]
        reference = self.pull(engine, image)
        container = Container(engine, f"slsdeploy-{uuid.uuid4().hex}")
        entry, rest = image.entry_point[:1], image.entry_point[1:]
        argv = [
            *(engine, "run", "--rm", "--name", container.name, "--label", self._label, "--pull", "never"),
            *("--network", "host", "--read-only", "--user", _USER, "--cap-drop", "ALL"),
            *("--security-opt", "no-new-privileges", "--pids-limit", str(_PROCESSES)),
            *(_for_podman() if engine == "podman" else ()),
            *("--ulimit", f"nofile={_FILES}:{_FILES}"),
            *("--memory", f"{spec.memory}m", "--memory-swap", f"{spec.memory}m"),
            *("--tmpfs", f"/tmp:rw,nosuid,nodev,exec,mode=1777,size={spec.storage}m"),
            *(word for name, value in variables.items() for word in ("--env", f"{name}={value}")),
            *(word for place, folder in volumes.items() for word in ("--volume", f"{folder}:{place}:ro")),
            *(word for word in entry for word in ("--entrypoint", word)),
            *(("--workdir", image.directory) if image.directory else ()),
            *(reference, *rest, *image.command),
        ]
        return Run(argv, container)

    def _sweep(self, engine: str) -> None:
        """Remove what an earlier local AWS left when it was killed: of ours there is none yet."""
        left = self._call([engine, "ps", "--all", "--quiet", "--filter", f"label={self._label}"])
        for name in left.split():
            Container(engine, name).remove()
        self._swept.add(engine)

    def _call(self, argv: Sequence[str]) -> str:
        try:
            done = self._shell.run(argv)
        except ToolError as error:
            raise ValueError(f"{error.message}: {error.hint}") from error
        if done.code:
            said = done.stderr.strip().splitlines() or ["it does not say why"]
            raise ValueError(f"{' '.join(argv[:2])} failed: {said[-1]}")
        return done.stdout


def _for_podman() -> Sequence[str]:
    """Return what Podman has to be told besides; Docker does it so by itself.

    It asks for a million processes, which is refused where root is not quite root. And what a function prints would go through two more
    processes, and arrive later than its answer.
    """
    import resource  # not on Windows

    most = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    most = _USER_PROCESSES if most == resource.RLIM_INFINITY else min(most, _USER_PROCESSES)
    return ("--ulimit", f"nproc={most}:{most}", "--log-driver", "passthrough")
