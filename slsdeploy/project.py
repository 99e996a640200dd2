"""Config + files -> Project: absolute paths, the user's module, the triggers, and what the bundle must run on.

Nothing outside the project folder gets past here: a path with `..`, or a link that leaves the folder, is refused.
Whether a model or a handler is there, and any good, is for those who read it to say.
"""

from __future__ import annotations

import ast
import platform
import re
import sys
from collections import Counter
from dataclasses import fields
from pathlib import Path, PurePosixPath
from typing import Any

from slsdeploy import assets, plugins
from slsdeploy.config import FILE, Config, ConstantAnswer, ModelConfig, origin
from slsdeploy.config.wording import shown
from slsdeploy.errors import ProjectError
from slsdeploy.interpreters import find_interpreter, host_interpreter, host_minor
from slsdeploy.layers import AttachedLayer
from slsdeploy.tools import Shell
from slsdeploy.types import Architecture, Handler, Model, Origin, Project, S3Origin, Target, Trigger
from slsdeploy_runtime.functions import ARGUMENTS

DEFAULT_HANDLER = "handler"

# The managed runtimes from 3.12 on are Amazon Linux 2023, glibc 2.34: https://docs.aws.amazon.com/linux/al2023/ug/glibc.html
_GLIBC = (2, 34)
# uv's names of Linux platforms up to that; wheels for older ones are always accepted by newer ones.
_UV_GLIBCS = ((2, 17), (2, 28), (2, 31), (2, 32), (2, 33), (2, 34))
_MACHINES: dict[str, Architecture] = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "x86_64", "amd64": "x86_64"}
_UV_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}


def resolve(config: Config, root: Path, *, stage: str, local: bool, shell: Shell, engine: str = "") -> Project:
    """Find out what the configuration means on this machine.

    Raises ProjectError when it leads outside the project folder, names no model, or cannot run in containers of the `engine` it is to.
    """
    root = root.resolve()
    if engine:
        _check_engine(config, local)
    return Project(
        root=root,
        config=config,
        stage=stage,
        local=local,
        target=_local_target(config, shell, engine) if local else _lambda_target(config, shell),
        models=_models(config, root),
        handler=_handler(config, root),
        triggers=_triggers(config.trigger, root),
        engine=engine,
        layers=tuple(AttachedLayer(arn) for arn in config.layers),
    )


def _check_engine(config: Config, local: bool) -> None:
    if not local:
        raise ProjectError("--engine says what runs functions of the local AWS", "use it with --local", "--engine")
    if config.package != "image":
        hint = 'set `package = "image"`, or leave out --engine: others run as processes'
        raise ProjectError("only functions of container images run in containers", hint, "--engine")


def inside(root: Path, path: PurePosixPath | str) -> Path:
    """Return the absolute path of a project file; `root` has no links in it.

    Raises ProjectError when it lies outside of the project folder, by itself or through a link.
    """
    found = root / path
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        hint = "copy the file into the project folder, and name it by its path from there"
        raise ProjectError(f"{path} is outside of the project folder", hint, str(path))
    try:
        is_inside = found.resolve().is_relative_to(root)
        found.exists()  # fails where a path cannot be one
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: a circle of links, before Python 3.13
        reason = getattr(error, "strerror", None) or ("it is a link to itself" if "loop" in str(error) else error)
        raise ProjectError(f"{shown(str(path))} cannot be a file: {reason}", "name another", FILE) from None
    if not is_inside:
        hint = "copy what it points to into the project folder"
        raise ProjectError(f"{path} is a link that leaves the project folder", hint, str(path))
    return found


def host_platform() -> str:
    """Return uv's name for this machine, as old a glibc as Lambda's so that all machines resolve alike."""
    machine = _UV_MACHINES.get(_MACHINES.get(platform.machine().lower(), ""), platform.machine())
    if sys.platform == "darwin":
        return f"{machine}-apple-darwin"
    if sys.platform == "win32":
        return f"{machine}-pc-windows-msvc"
    library, version = platform.libc_ver()
    if library != "glibc":
        return f"{machine}-unknown-linux-musl"
    glibc = tuple(int(number) for number in version.split(".")[:2])
    major, minor = max((known for known in _UV_GLIBCS if known <= glibc), default=_UV_GLIBCS[0])
    return f"{machine}-manylinux_{major}_{minor}"


def can_run(project: Project) -> bool:
    """Say whether this machine can run what was built for the target."""
    return project.target.interpreter is not None and project.target.platform == host_platform()


def host_architecture() -> str:
    """Return this machine's processor in Lambda's words, or its own when Lambda has none."""
    return _MACHINES.get(platform.machine().lower(), platform.machine())


def lambda_platform(config: Config) -> str:
    """Return uv's name for the machine that the function has on AWS."""
    return _platform(config.architecture)


def _platform(architecture: Architecture) -> str:
    return f"{_UV_MACHINES[architecture]}-manylinux_{_GLIBC[0]}_{_GLIBC[1]}"


def _models(config: Config, root: Path) -> tuple[Model, ...]:
    """A single model is served under the project's name."""
    if config.model is not None:
        return (_model(config, root, config.name, ModelConfig.model_construct(path=config.model)),)
    if not config.models:
        raise ProjectError("the project names no model", 'add `model = "model.onnx"`', FILE)
    return tuple(_model(config, root, name, model) for name, model in config.models.items())


def _model(config: Config, root: Path, name: str, model: ModelConfig) -> Model:
    fallback = model.fallback.outputs if isinstance(model.fallback, ConstantAnswer) else model.fallback
    found = origin.read(model.path)
    return Model(
        name=name,
        path=_copy(config, root, found) if found else inside(root, model.path),
        origin=found,
        version=model.version,
        load=model.load,
        timeout=model.timeout,
        fallback=fallback,
        optimize=model.optimize or config.optimize,
        quantize=model.quantize or config.quantize,
        max_batch=model.max_batch or config.max_batch,
    )


def _copy(config: Config, root: Path, of: Origin) -> Path:
    """Return where this machine has the model: in the folder that stands for the file system; of S3, in the cache once it is pinned."""
    if isinstance(of, S3Origin):
        return assets.cache_dir() / "objects" / "not-pinned" / PurePosixPath(of.key).name
    assert config.file_system is not None, "the configuration makes sure"
    return inside(root, config.file_system.local / PurePosixPath(of.path).relative_to(config.file_system.mount))


def _handler(config: Config, root: Path) -> Handler | None:
    """Find the user's module: a file, or a package's `__init__.py`."""
    module, _, app = (config.handler or DEFAULT_HANDLER).partition(":")
    stem = module.replace(".", "/")
    candidates = [inside(root, f"{stem}.py"), inside(root, f"{stem}/__init__.py")]
    found = next((path for path in candidates if path.is_file()), None)
    if found is None and config.handler is None:
        return None
    return Handler(module, found or candidates[0], _functions(found) if found else frozenset(), app)


def _functions(file: Path) -> frozenset[str]:
    """Return which of the functions a module has, as far as its text tells: it is not run."""
    try:
        body = ast.parse(file.read_bytes()).body
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()  # the preflight or the build says what is wrong with it
    named: set[str] = set()
    for node in body:
        if isinstance(node, ast.FunctionDef):
            named.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            named |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign):
            named |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return frozenset(named & ARGUMENTS.keys())


def _triggers(options: tuple[Any, ...], root: Path) -> tuple[Trigger, ...]:
    """Name each by its type ("S3Trigger"), later ones of a type with their number behind it ("S3Trigger2")."""
    modules = plugins.event_sources()
    seen: Counter[str] = Counter()
    triggers = []
    for option in options:
        seen[option.type] += 1
        number = str(seen[option.type]) if seen[option.type] > 1 else ""
        stem = "".join(word.capitalize() for word in re.findall("[A-Za-z0-9]+", option.type))
        module = modules[option.type].__name__ if option.type in modules else type(option).__module__
        triggers.append(Trigger(module, option, f"{stem}Trigger{number}", _texts(option, root)))
    return tuple(triggers)


def _texts(options: Any, root: Path) -> dict[str, str]:
    """Read the files that a trigger's options name."""
    named = [field.name for field in fields(options) if field.metadata.get("file") and getattr(options, field.name)]
    return {name: _text(inside(root, getattr(options, name)), getattr(options, name), name) for name in named}


def _text(path: Path, said: str, option: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ProjectError(
            f"{option}: {said} cannot be read: {reason}", f"mend `{option}` of the [[trigger]]", FILE
        ) from None


def _lambda_target(config: Config, shell: Shell) -> Target:
    return Target(
        python=config.python,
        architecture=config.architecture,
        platform=lambda_platform(config),
        interpreter=find_interpreter(config.python, shell),
    )


def _local_target(config: Config, shell: Shell, engine: str) -> Target:
    """Functions of the local AWS are processes of this machine: its architecture, and its Python when it lacks the right one.

    Containers of an engine have the base's Python; their architecture is this machine's as well.
    """
    found = find_interpreter(config.python, shell)
    python = config.python if found else host_minor()
    machine = platform.machine()
    if machine.lower() not in _MACHINES:
        raise ProjectError(f"functions cannot run locally on a {machine} processor", "Lambda has arm64 and x86_64")
    architecture = _MACHINES[machine.lower()]
    if engine:
        note = _difference(config, config.python, architecture)
        return Target(config.python, architecture, _platform(architecture), found, note)
    return Target(
        python=python,
        architecture=architecture,
        platform=host_platform(),
        interpreter=found or host_interpreter(),
        note=_difference(config, python, architecture),
    )


def _difference(config: Config, python: str, architecture: Architecture) -> str:
    differs = []
    if python != config.python:
        differs.append(f"on Python {python} (no Python {config.python} was found)")
    if architecture != config.architecture:
        differs.append(f"on {architecture} (AWS: {config.architecture})")
    return f"locally the function runs {' and '.join(differs)}" if differs else ""
