"""Project -> what is in its files that would ship as code: secrets, shared objects, imports; what a preflight asks of them.

A file is read once and its facts are kept in the user's cache, by its identity: whether anything changed costs a look at each file.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from slsdeploy import assets
from slsdeploy.bundle import credentials, import_time, select, shared_objects
from slsdeploy.bundle.credentials import Credential
from slsdeploy.bundle.import_time import Reading
from slsdeploy.bundle.select import Stray
from slsdeploy.bundle.shared_objects import SharedObject
from slsdeploy.types import Project

# Raise it when what is looked for changes.
_RECIPE = 1
# A file that was written while we looked may have changed within one tick of its clock.
_SETTLED_NS = 2_000_000_000
# of a larger file the beginning: it is data
_LARGEST = 5 * 1024**2 + 1


@dataclass(frozen=True, slots=True)
class Content:
    """What is in a file: its size in bytes, secrets, what it says as a shared object (None: it is none), and as a module.

    `imports` are all, `at_import` those that importing it imports; `problem` says why it cannot be read ("" when it can).
    """

    bytes: int
    credentials: tuple[Credential, ...] = ()
    object: SharedObject | None = None
    imports: tuple[str, ...] = ()
    at_import: tuple[str, ...] = ()
    readings: tuple[Reading, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """What would ship as code, by its path from the project's folder (with /), in order; and the links that may not."""

    files: Mapping[str, Content] = field(default_factory=dict)
    strays: tuple[Stray, ...] = ()


def look(project: Project, model_files: frozenset[Path] = frozenset()) -> Contents:
    """Look into the files that would ship as code; `model_files` (resolved) are not among them. Nothing here is refused."""
    chosen = select.choose(project, model_files)
    kept_in = (
        assets.cache_dir() / "contents" / f"{sha256(str(project.root).encode('utf-8', 'replace')).hexdigest()}.json"
    )
    before, after = _remembered(kept_in), {}
    found: dict[str, Content] = {}
    now = time.time_ns()
    for file in chosen.files:
        path = file.as_posix()
        identity = _identity(project.root / file)
        if identity and path in before and before[path][0] == identity:
            found[path] = before[path][1]
        else:
            found[path] = _read(project.root / file, path)
        if identity and now - max(identity[1], identity[3]) > _SETTLED_NS:
            after[path] = (identity, found[path])
    if after != before:
        _remember(kept_in, after)
    return Contents(found, chosen.strays)


def _identity(file: Path) -> list[int]:
    """Return what changes when a file does; nothing for one that cannot be looked at."""
    try:
        found = file.stat()
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns, found.st_ino, found.st_ctime_ns]


def _read(file: Path, path: str) -> Content:
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            content = stream.read(_LARGEST)
    except OSError as error:
        return Content(0, tuple(credentials.of_name(path)), problem=error.strerror or str(error))
    secrets = (*credentials.of_name(path), *credentials.of_content(content))
    found = Content(size, secrets, shared_objects.sniff(file, path, content))
    module = import_time.parse(content) if file.suffix == ".py" else None
    if module is None:
        return found
    imports = import_time.imports(module)
    readings = tuple(import_time.readings(module))
    return Content(size, secrets, found.object, imports.anywhere, imports.at_import, readings)


def _remembered(kept_in: Path) -> dict[str, tuple[list[int], Content]]:
    try:
        said = json.loads(kept_in.read_text(encoding="utf-8"))
        if said["recipe"] != _RECIPE:
            return {}
        return {path: (identity, _content(each)) for path, (identity, each) in said["files"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _remember(kept_in: Path, found: Mapping[str, tuple[list[int], Content]]) -> None:
    files = {path: (identity, asdict(each)) for path, (identity, each) in found.items()}
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time, no more
        assets.write_atomically(kept_in, json.dumps({"recipe": _RECIPE, "files": files}).encode())


def _content(said: dict[str, Any]) -> Content:
    return Content(
        bytes=said["bytes"],
        credentials=tuple(Credential(**each) for each in said["credentials"]),
        object=shared_objects.of_facts([said["object"]])[0] if said["object"] else None,
        imports=tuple(said["imports"]),
        at_import=tuple(said["at_import"]),
        readings=tuple(Reading(**each) for each in said["readings"]),
        problem=said["problem"],
    )
