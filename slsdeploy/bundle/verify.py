"""A laid-out bundle -> are its handler and models any good? What would stop it from starting on Lambda is said before it is deployed.

Where this machine can run the target's code, the module is imported for real, in a process that sees the bundle, the standard
library and the function's own variables, and nothing else of this machine: no one's credentials, no one's home. Where it cannot, or
where the module calls AWS, its source is read.
"""

from __future__ import annotations

import ast
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence, Set
from pathlib import Path
from typing import Any

from slsdeploy import plugins, stack
from slsdeploy.bundle import handler_source, import_handler, imports, package_names
from slsdeploy.errors import BuildError
from slsdeploy.project import can_run
from slsdeploy.tools import Tools
from slsdeploy.types import Handler, Project
from slsdeploy_runtime.functions import ARGUMENTS

# SYSTEMROOT: nothing starts on Windows without it
_OF_THIS_MACHINE = ("PATH", "SYSTEMROOT")
_LOAD = "import sys, onnxruntime as o; [o.InferenceSession(path, providers=['CPUExecutionProvider']) for path in sys.argv[1:]]"


def check(project: Project, files: Iterable[Path], bundle: Path, tools: Tools) -> None:
    """Make sure that the handler can start in the bundle laid out in the folder; `files` are the project's own, relative.

    Raises BuildError with the lines of the user's own files when it cannot.
    """
    if project.handler is None:
        return
    code, folders = bundle / "task", _folders(bundle)
    file = code / project.handler.path.relative_to(project.root)
    source = handler_source.parse(file, code, project, tools)
    if source is not None:
        handler_source.check(source, file.relative_to(code).as_posix(), project.handler.app)
    own = frozenset(code / path for path in files)
    if can_run(project) and _imports_for_real(project, project.handler, own, folders, tools):
        return
    _check_imports(file, own, folders, lambda module: handler_source.parse(module, code, project, tools))


def check_sources(project: Project, bundle: Path) -> None:
    """Make sure that the bundle has the event sources that come from packages of their own.

    Raises BuildError for the first that it has not.
    """
    known = plugins.origins()
    for trigger in project.triggers:
        origin = known.get(trigger.module)
        path = trigger.module.replace(".", "/")
        there = [folder / f"{path}{ending}" for folder in _folders(bundle) for ending in (".py", "/__init__.py")]
        if origin is not None and not any(file.is_file() for file in there):
            word = trigger.options.type
            message = f"the event source {word!r} is {origin.module} of the package {origin.package}, which the bundle does not have"
            raise BuildError(message, f"add {origin.package} to the requirements", f'[[trigger]] type = "{word}"')


def load_models(project: Project, models: Iterable[Path], bundle: Path, tools: Tools) -> None:
    """Have the onnxruntime of the bundle laid out in the folder load the models.

    Raises BuildError with what it says when it does not.
    """
    folders = _folders(bundle)
    with tempfile.TemporaryDirectory(prefix="slsdeploy-") as scratch:
        argv = [str(project.target.interpreter), "-P", "-s", "-S", "-c", _LOAD, *map(str, models)]
        done = tools.shell.run(argv, cwd=Path(scratch), env=_environment(project, folders, scratch), inherit=False)
    if done.code != 0:
        said = done.stderr.strip().splitlines() or [f"Python ended with code {done.code}"]
        hint = "export the model with a lower opset, or allow a newer onnxruntime in the requirements"
        raise BuildError(f"the function's onnxruntime does not load the model: {said[-1]}", hint)


def _folders(bundle: Path) -> list[Path]:
    return [folder for folder in (bundle / "task", bundle / "opt" / "python") if folder.is_dir()]


def _imports_for_real(
    project: Project, handler: Handler, own: Set[Path], folders: Sequence[Path], tools: Tools
) -> bool:
    """Import the module as Lambda would; False when it needs what only Lambda has, so that nothing is known."""
    with tempfile.TemporaryDirectory(prefix="slsdeploy-") as scratch:
        path = Path(scratch) / "answer.json"
        limit = import_handler.SNAPSHOT_SECONDS if project.config.snap_start else import_handler.LIMIT_SECONDS
        argv = [str(project.target.interpreter), "-P", "-s", "-S", import_handler.__file__]
        argv += [handler.module, str(path), str(limit)]
        done = tools.shell.run(argv, cwd=Path(scratch), env=_environment(project, folders, scratch), inherit=False)
        if not path.is_file():
            last = "\n".join(f"  {line}" for line in done.stderr.splitlines()[-12:])
            said = f"ended with code {done.code}" if done.code >= 0 else f"was killed by signal {-done.code}"
            message = f"{_file(project, handler)} does not import: Python {said}\n{last}".rstrip()
            raise BuildError(message, "a module that it imports ends the process", _file(project, handler))
        answer: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if "error" in answer:
        raise _failure(_file(project, handler), answer["error"], own, folders[0])
    if "names" in answer and handler.app and handler.app not in answer["names"]:
        raise handler_source.no_application(_file(project, handler), handler.app, answer["names"])
    if "names" in answer and not handler.app and not ARGUMENTS.keys() & set(answer["names"]):
        raise handler_source.useless(_file(project, handler), answer["names"])
    return "skipped" not in answer


def _environment(project: Project, folders: Sequence[Path], scratch: str) -> dict[str, str]:
    """Return all variables of the process: those that the function will have, and what a process needs; secrets are empty.

    HOME is a folder of its own, so that no AWS client finds this user's profile there.
    """
    kept = {name: os.environ[name] for name in _OF_THIS_MACHINE if name in os.environ}
    known = {name: value for name, value in stack.variables(project).items() if isinstance(value, str)}
    return {
        **kept,
        **{name: "" for name in project.config.secrets},
        **known,
        # as Lambda sets them: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "LAMBDA_TASK_ROOT": str(folders[0]),
        "AWS_LAMBDA_FUNCTION_NAME": project.stack,
        "AWS_REGION": project.config.region or os.environ.get("AWS_REGION", "us-east-1"),
        # a machine of AWS would hand out its own credentials
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": scratch,
        "TMPDIR": scratch,
        "PYTHONPATH": os.pathsep.join(str(folder) for folder in folders),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _failure(name: str, error: dict[str, Any], own: Set[Path], code: Path) -> BuildError:
    """Draw the traceback with the lines of the user's own files."""
    frames = [
        {**frame, "file": Path(frame["file"]).relative_to(code)}
        for frame in error["frames"]
        if Path(frame["file"]) in own
    ]
    lines = [
        f"  {frame['file'].as_posix()}:{frame['line']} in {frame['function']}\n    {frame['text']}" for frame in frames
    ]
    where = f"{frames[-1]['file'].as_posix()}:{frames[-1]['line']}" if frames else name
    reason = f"{error['type']}: {error['message']}" if error["message"] else error["type"]
    message = "\n".join([f"{name} does not import: {reason}", *lines])
    hint = "it is imported once at start, before the first request; mend that line"
    if error["module"]:
        hint = package_names.hint([error["module"]])
    return BuildError(message, hint, where)


def _file(project: Project, handler: Handler) -> str:
    return handler.path.relative_to(project.root).as_posix()


def _check_imports(
    file: Path, own: Set[Path], folders: Sequence[Path], parse: Callable[[Path], ast.Module | None]
) -> None:
    missing = imports.missing(file, own, folders, parse)
    if missing:
        first = missing[0]
        names = ", ".join(dict.fromkeys(item.module for item in missing))
        message = f"{first.path} imports {names}, which the bundle does not have"
        raise BuildError(message, package_names.hint(item.module for item in missing), f"{first.path}:{first.line}")
