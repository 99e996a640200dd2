"""What goes where: fills the tree of each part, laid out as Lambda mounts it (`task/` is /var/task, `opt/` is /opt).

Each part has a key: the digest of all that it is made from, cheap to compute. The same key is the same tree.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from slsdeploy import assets
from slsdeploy.bundle import bytecode, disk, tree
from slsdeploy.errors import ProjectError
from slsdeploy.types import ModelInfo, Project, Target
from slsdeploy_runtime.manifest import FILE

# Raise it when what this package makes of the same input changes.
RECIPE = 9
_NOT_RUNTIME = (".pyc", ".pyi", "py.typed")


def key(kind: str, place: PurePosixPath, target: Target, *inputs: object) -> str:
    """Return the digest of what a part is made from."""
    said = [RECIPE, kind, str(place), target.python, target.platform, bytecode.identity(target), *inputs]
    return hashlib.sha256(json.dumps(said, default=str).encode()).hexdigest()


def fingerprint(root: Path, files: Iterable[Path]) -> list[tuple[str, bool, str]]:
    """Return each file's path, whether it is executable, and the sha256 of its content.

    Raises ProjectError when one cannot be read.
    """
    return [(file.as_posix(), _is_executable(root / file), _content(root / file)) for file in files]


def runtime_files() -> list[Path]:
    """Return the files of slsdeploy_runtime, relative to the folder that it lies in, sorted."""
    root = assets.runtime()
    files = (path for path in root.rglob("*") if path.is_file() and not path.name.endswith(_NOT_RUNTIME))
    return sorted((path.relative_to(root.parent) for path in files), key=lambda path: path.as_posix())


def copy_files(root: Path, files: Iterable[Path], folder: Path) -> None:
    """Copy files into a folder under the same relative paths; links become what they point to."""
    for file in files:
        _copy(root / file, folder / file)


def copy_models(project: Project, models: tuple[ModelInfo, ...], prepared: Mapping[str, Path], folder: Path) -> None:
    """Copy each model that ships into a folder of its served name: what was made of it, or itself and its external data."""
    for model, info in zip(project.models, models, strict=True):
        root, files = model.path.parent, [file.relative_to(model.path.parent) for file in info.files]
        if model.name in prepared:
            root = prepared[model.name]
            files = [Path(file.path) for file in tree.walk(root)]
        if model.origin is None:
            copy_files(root, files, folder / model.name)


def write_code(project: Project, files: Iterable[Path], document: bytes, folder: Path) -> None:
    """Copy the project's code and put the manifest beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    copy_files(project.root, files, folder)
    (folder / FILE).write_bytes(document)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(source, target)
        target.chmod(0o755 if _is_executable(source) else 0o644)
    except OSError as error:
        if error.errno in disk.FULL:
            raise
        raise _unreadable(source, error) from error


def _is_executable(path: Path) -> bool:
    return bool(path.stat().st_mode & stat.S_IXUSR)


def _content(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> ProjectError:
    return ProjectError(f"{path.name} cannot be read: {error.strerror or error}", where=str(path))
