"""What the project says it needs, as requirements for uv, and a digest that changes when they do.

Looked for in this order: the `requirements` key, requirements.txt, uv.lock, pyproject.toml. What the runtime needs comes on top.
"""

from __future__ import annotations

import hashlib
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slsdeploy.bundle import dockerfile
from slsdeploy.config import FILE
from slsdeploy.errors import ProjectError
from slsdeploy.project import inside, lambda_platform
from slsdeploy.types import Project

# What slsdeploy_runtime imports; the same ranges as in our own pyproject.toml, where its tests run.
RUNTIME = ("numpy>=2", "onnxruntime>=1.22", "aws-lambda-powertools>=3.20,<4", "orjson>=3.10,<4")
# and for a project's own ASGI application
ASGI = ("mangum>=0.19,<1",)
# and for an image whose base is not Lambda's: the runtime client, and what the managed runtimes bring
IMAGE = ("awslambdaric>=3,<5", "boto3>=1.35,<2")
# Lambda's arm64 machines have no /sys/devices/system/cpu, and before this release importing onnxruntime there ends the process:
# https://github.com/microsoft/onnxruntime/issues/10038, mended by https://github.com/microsoft/onnxruntime/pull/28230
ARM64 = ("onnxruntime>=1.26",)

# Options of a requirements file that name a place to look in: installing from the lock needs them too.
_INDEX_OPTIONS = ("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--no-index")
_NESTED = re.compile(r"^(?:-r|--requirement|-c|--constraint)[ =]?(?P<path>.+)$")


@dataclass(frozen=True, slots=True)
class Requirements:
    """Requirements in uv's words. `origin` is the file that they come from ("" when only the runtime needs anything).

    `exported` says that `origin` is a uv.lock, whose pins only uv can tell; `options` are index options.
    `wanted` is what the project itself asks for, line by line.
    """

    origin: str
    lines: tuple[str, ...]
    digest: str
    options: tuple[str, ...] = ()
    exported: bool = False
    wanted: tuple[str, ...] = ()


def read(project: Project, is_bare: bool | None = None) -> Requirements:
    """Return what the project and the runtime need; `is_bare` says that its image's base brings no client, None: as the project has it.

    Raises ProjectError when a file is missing, outside of the project folder, or cannot be understood.
    """
    origin = _origin(project)
    needs = _runtime(project, _is_bare(project) if is_bare is None else is_bare)
    stated: tuple[str, ...] = ()
    texts: list[str] = []
    options: tuple[str, ...] = ()
    if origin == FILE:
        stated = tuple(project.config.requirements or ())
    elif origin == "uv.lock":
        texts = [_text(project.root, name) for name in ("uv.lock", "pyproject.toml")]
    elif origin == "pyproject.toml":
        stated = _declared(project.root)
    elif origin:
        texts = list(_texts(project.root, origin, set()))
        options = tuple(_options(project.root, origin))
    wanted = _locked(project.root) if origin == "uv.lock" else (*stated, *"\n".join(texts).splitlines())
    digest = hashlib.sha256("\0".join([origin, *stated, *needs, *texts]).encode()).hexdigest()
    lines = (f"-r {project.root / origin}",) if texts and origin != "uv.lock" else stated
    return Requirements(origin, (*lines, *needs), digest, options, origin == "uv.lock", wanted)


def _runtime(project: Project, is_bare: bool) -> tuple[str, ...]:
    is_lambdas_arm = project.config.architecture == "arm64" and project.target.platform == lambda_platform(
        project.config
    )
    is_application = project.handler is not None and project.handler.app != ""
    return RUNTIME + (ARM64 if is_lambdas_arm else ()) + (ASGI if is_application else ()) + (IMAGE if is_bare else ())


def _is_bare(project: Project) -> bool:
    return project.base is not None and not dockerfile.has_runtime_client(project, project.base)


def _origin(project: Project) -> str:
    stated = project.config.requirements
    if isinstance(stated, list):
        return FILE
    if isinstance(stated, str):
        return stated
    for name in ("requirements.txt", "uv.lock", "pyproject.toml"):
        if (project.root / name).is_file():
            return name
    return ""


def _locked(root: Path) -> tuple[str, ...]:
    """Return what the project with a uv.lock asks for itself; all that is locked, where it computes that."""
    try:
        return _declared(root)
    except ProjectError:
        return tuple(f"{name}==0" for name in re.findall(r'^name = "([^"]+)"$', _text(root, "uv.lock"), re.MULTILINE))


def _text(root: Path, path: str) -> str:
    try:
        return inside(root, path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ProjectError(f"there is no {path}, which holds the requirements", where=path) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(f"{path} cannot be read: {error}", where=path) from error


def _texts(root: Path, path: str, seen: set[str]) -> Iterator[str]:
    """Yield a requirements file and those that it refers to, each once."""
    if path in seen:
        return
    seen.add(path)
    text = _text(root, path)
    yield text
    for line in text.splitlines():
        nested = _NESTED.match(line.strip())
        if nested:
            name = nested["path"].split(" #")[0].strip()
            if "://" not in name:
                yield from _texts(root, (Path(path).parent / name).as_posix(), seen)


def _options(root: Path, path: str) -> Iterator[str]:
    """Yield the index options of a requirements file and those that it refers to."""
    for text in _texts(root, path, set()):
        for line in text.splitlines():
            words = line.strip().replace("=", " ", 1).split()
            if words and words[0] in _INDEX_OPTIONS:
                yield _absolute(words, (root / path).parent)


def _absolute(words: list[str], folder: Path) -> str:
    """Make the folder of `--find-links wheels` absolute: uv reads the option in another place."""
    if words[0] in ("-f", "--find-links") and len(words) > 1 and (folder / words[1]).is_dir():
        return f"{words[0]} {shlex.quote(str(folder / words[1]))}"
    return " ".join(words)


def _declared(root: Path) -> tuple[str, ...]:
    """Return `[project] dependencies` of a pyproject.toml; one without a project has none."""
    try:
        document = tomllib.loads(_text(root, "pyproject.toml"))
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(f"pyproject.toml is not valid TOML: {error}", where="pyproject.toml") from error
    if "project" not in document and _is_poetrys(document):
        hint = "`poetry export -o requirements.txt` writes them for all; or list them under [project], or say `requirements = []`"
        raise ProjectError("pyproject.toml lists its dependencies for Poetry alone", hint, "pyproject.toml")
    project = document.get("project", {})
    if not isinstance(project, dict):
        raise ProjectError("pyproject.toml: `project` is no table", "write [project]", "pyproject.toml")
    if "dependencies" in project.get("dynamic", ()):
        hint = "list them under [project], or write a requirements.txt"
        raise ProjectError("pyproject.toml computes its dependencies (dynamic)", hint, "pyproject.toml")
    return tuple(project.get("dependencies", ()))


def _is_poetrys(document: Mapping[str, Any]) -> bool:
    """Say whether dependencies are listed as Poetry did before it knew [project]: https://python-poetry.org/docs/pyproject/."""
    match document:
        case {"tool": {"poetry": {"dependencies": dict(listed)}}}:
            return bool(listed.keys() - {"python"})
    return False
