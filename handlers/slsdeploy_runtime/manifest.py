"""slsdeploy.json -> Manifest: what the build decided, for the runtime to obey. Reads one file and guesses nothing.

Without pathlib, here and in all that every cold start imports: it would be 3 ms of it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

FILE = "slsdeploy.json"
SCHEMA = 2


class ManifestError(Exception):
    """The bundle's slsdeploy.json is missing, or not one that this runtime can read."""


class Tensor(NamedTuple):
    """A model's input or output: `datatype` as the Open Inference Protocol (or structures.py) names it; in `shape`, -1 is any size."""

    name: str
    datatype: str
    shape: tuple[int, ...]


def is_structured(datatype: str) -> bool:
    """Say whether a datatype is no tensor's but one of structures.py."""
    return datatype.endswith(">")


class ModelEntry(NamedTuple):
    """A model: the name and version it is served under, its format's module, its file, its signature, how it is to be loaded.

    `digest` is that of the project's file, `made` of the files that ship in its place ("": none do). `bytes` counts all its files; `batch`
    is as `records.batch` says; `session` is for the format's module; `timeout` is in seconds.
    `max_batch`: rows that one run takes at most. `verify`: whether its files are hashed before they are loaded.
    `fallback` says who answers in its place: {"model": name} or {"outputs": {name: one row}}. A model with `remote` does not ship (see
    remote.py): its files are objects of S3
    ({"bucket", "region", "files": [{"name", "key", "version", "etag", "bytes", "digest"}]}; `path` is unused), or lie on the file system
    ({"files": [{"name", "bytes"}]}). The first file is the model itself.
    """

    name: str
    version: str
    format: str
    path: str
    digest: str
    bytes: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    batch: int = 0
    made: str = ""
    max_batch: int | None = None
    session: Mapping[str, Any] = {}
    load: str = "eager"
    timeout: float | None = None
    fallback: Mapping[str, Any] | None = None
    remote: Mapping[str, Any] | None = None
    verify: bool = False


class Event(NamedTuple):
    """An event source of this function: its module, the trigger's name in the stack, its options."""

    module: str
    name: str
    options: Mapping[str, Any]


class Output(NamedTuple):
    """Where answers that nobody waits for go: the output's module, its options."""

    module: str
    options: Mapping[str, Any]


class Secret(NamedTuple):
    """Where a variable's value is kept: `service` is "secretsmanager" or "ssm", `id` what that service calls it."""

    service: str
    id: str


class Manifest(NamedTuple):
    """What the build decided; `model_memory` is in MB."""

    name: str
    stage: str
    model_memory: int | None
    snap_start: bool
    models: tuple[ModelEntry, ...]
    handler: str | None
    events: tuple[Event, ...]
    secrets: Mapping[str, Secret]
    output: Output | None = None


def task_root() -> str:
    """Return the folder of slsdeploy.json: Lambda's task root, or else the first entry of the module path that has one."""
    lambda_root = os.environ.get("LAMBDA_TASK_ROOT")
    for folder in (*([lambda_root] if lambda_root else []), *sys.path):
        if os.path.isfile(os.path.join(folder, FILE)):
            return os.path.realpath(folder)
    raise ManifestError(f"no {FILE} in LAMBDA_TASK_ROOT ({lambda_root}) nor on the module path: this is not a bundle")


def opt_root(task: str) -> str:
    """Return where layers are: `/opt` in Lambda, beside the task root elsewhere."""
    return "/opt" if task == "/var/task" else os.path.join(os.path.dirname(task), "opt")


def read(task: str | os.PathLike[str]) -> Manifest:
    """Read the manifest of the bundle at `task`. Raises ManifestError."""
    task = os.fspath(task)
    with open(os.path.join(task, FILE), "rb") as stream:
        document = json.load(stream)
    if document.get("schema") != SCHEMA:
        raise ManifestError(f"{FILE} has schema {document.get('schema')!r}, this runtime reads {SCHEMA}: build again")
    roots = {"task": task, "opt": opt_root(task), "": "/"}  # "": on the file system that is mounted
    return Manifest(
        name=document["name"],
        stage=document["stage"],
        model_memory=document["model_memory"],
        snap_start=document["snap_start"],
        models=tuple(_model(entry, roots) for entry in document["models"]),
        handler=document["handler"],
        events=tuple(Event(entry["module"], entry["name"], entry["options"]) for entry in document["events"]),
        secrets={name: Secret(entry["service"], entry["id"]) for name, entry in document["secrets"].items()},
        output=Output(**document["output"]) if document["output"] else None,
    )


def _model(entry: Mapping[str, Any], roots: Mapping[str, str]) -> ModelEntry:
    return ModelEntry(
        name=entry["name"],
        version=entry["version"],
        format=entry["format"],
        path=os.path.join(roots[entry["root"]], entry["path"]),
        digest=entry["digest"],
        bytes=entry["bytes"],
        inputs=_tensors(entry["inputs"]),
        outputs=_tensors(entry["outputs"]),
        batch=entry["batch"],
        made=entry["made"],
        max_batch=entry["max_batch"],
        session=entry["session"],
        load=entry["load"],
        timeout=entry["timeout"],
        fallback=entry["fallback"],
        remote=entry["remote"],
        verify=entry["verify"],
    )


def _tensors(entries: list[Mapping[str, Any]]) -> tuple[Tensor, ...]:
    return tuple(Tensor(entry["name"], entry["datatype"], tuple(entry["shape"])) for entry in entries)
