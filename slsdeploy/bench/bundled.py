"""A project's bundle -> what is tried: the subject, its event, its model's files. Finds the interpreter's runtime client, too."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slsdeploy import assets, stack
from slsdeploy.bundle import sample
from slsdeploy.errors import ProjectError, ToolError
from slsdeploy.local import daemon
from slsdeploy.local.functions.managed import ManagedRuntimes
from slsdeploy.local.trial import Subject
from slsdeploy.tools import Tools
from slsdeploy.types import Bundle, EfsOrigin, Project, S3Origin

HANDLER = "slsdeploy_runtime.app.handler"


@dataclass(frozen=True, slots=True)
class Bundled:
    """A function that can be started here, the event that it is asked, and the files that its weights are in."""

    subject: Subject
    event: bytes
    files: Sequence[Path]


def prepare(project: Project, bundle: Bundle, event: bytes | None, tools: Tools) -> Bundled:
    """Return what is to be measured.

    Raises ToolError where this machine lacks the Python for it, ProjectError where it lacks a model's file system.
    """
    _check_mounts(project)
    interpreter = project.target.interpreter
    if interpreter is None:
        raise ToolError(f"there is no Python {bundle.python} here", "install it: `uv python install`", bundle.python)
    managed = ManagedRuntimes(assets.cache_dir() / "local", tools.shell)
    with tools.reporter.waiting("get Lambda's runtime client"):
        runtime = managed.folder(interpreter)
    variables = {name: value for name, value in stack.variables(project).items() if isinstance(value, str)}
    endpoint = _endpoint(project, tools)
    subject = Subject(
        name=project.stack,
        task=bundle.path / "task",
        opt=bundle.path / "opt",
        handler=HANDLER,
        python=bundle.python,
        interpreter=interpreter,
        runtime=runtime,
        memory=project.config.memory,
        environment={**({"AWS_ENDPOINT_URL": endpoint} if endpoint else {}), **variables},
    )
    chosen = event if event is not None else json.dumps({"inputs": sample.sample_inputs(bundle.models[0])}).encode()
    return Bundled(subject, chosen, model_files(bundle.path))


def _check_mounts(project: Project) -> None:
    """Make sure that models of a file system are where the function looks for them: nothing is mounted for a measurement."""
    for model in project.models:
        if isinstance(model.origin, EfsOrigin) and not Path(model.origin.path).is_file():
            hint = "mount the file system there, or link that folder to file_system.local, then measure again"
            raise ProjectError(f"model {model.name!r} is not at {model.origin.path} here", hint, model.origin.path)


def _endpoint(project: Project, tools: Tools) -> str:
    """Return the local AWS, for a function that asks it for something: it is started for one that does so at its start."""
    if project.config.secrets or any(isinstance(model.origin, S3Origin) for model in project.models):
        return tools.connect(project).endpoint
    return daemon.status().endpoint


def model_files(bundle: Path) -> list[Path]:
    """Return the files of the models that ship with a bundle, external weights included."""
    document = json.loads((bundle / "task" / "slsdeploy.json").read_bytes())
    folders = {(bundle / entry["root"] / entry["path"]).parent for entry in document["models"] if not entry["remote"]}
    return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())


def read_ms(files: Sequence[Path]) -> float:
    """Read files into one buffer, as fast as the page cache gives them; return milliseconds."""
    buffer = bytearray(1 << 20)
    begun = time.perf_counter()
    for path in files:
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
    return (time.perf_counter() - begun) * 1000


def refusal(answer: bytes) -> str:
    """Return why an answer is none ("" when it is one): the runtime's `{"error": ...}`, or an HTTP status."""
    try:
        said: Any = json.loads(answer)
    except ValueError:
        return ""
    if not isinstance(said, dict):
        return ""
    if isinstance(said.get("error"), dict) and len(said) == 1:
        return str(said["error"].get("message", ""))
    status = said.get("statusCode")
    return f"HTTP {status}" if isinstance(status, int) and status >= 400 else ""
