"""A laid-out bundle -> is its handler any good? Whatever would stop it from starting on Lambda is said now, before it is deployed.

Where this machine can run the target's code, the module is imported for real, in a process that sees the bundle and the standard
library and nothing else; where it cannot, its source is read.
"""

from __future__ import annotations

import ast
import difflib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence, Set
from pathlib import Path
from typing import Any

from slsdeploy.bundle import import_handler, imports
from slsdeploy.errors import BuildError
from slsdeploy.interpreters import host_minor
from slsdeploy.project import host_platform
from slsdeploy.tools import Tools
from slsdeploy.types import Handler, Project

# The functions of a user's module, and how many arguments each is called with.
ARGUMENTS = {"preprocess": 1, "predict": 2, "postprocess": 1}
_SIGNATURES = "preprocess(request), predict(model, inputs), postprocess(outputs)"


def check(project: Project, files: Iterable[Path], bundle: Path, tools: Tools) -> None:
    """Make sure that the handler can start in the bundle laid out in the folder; `files` are the project's own, relative.

    Raises BuildError with the lines of the user's own files when it cannot.
    """
    if project.handler is None:
        return
    code = bundle / "task"
    folders = [folder for folder in (code, bundle / "opt" / "python") if folder.is_dir()]
    file = code / project.handler.path.relative_to(project.root)
    source = _parse(file, code, project, tools)
    if source is not None:
        _check_functions(source, file.relative_to(code).as_posix())
    own = frozenset(code / path for path in files)
    if can_run(project) and _imports_for_real(project, project.handler, own, folders, tools):
        return
    _check_imports(file, own, folders, lambda module: _parse(module, code, project, tools))


def can_run(project: Project) -> bool:
    """Say whether this machine can run what was built for the target."""
    return project.target.interpreter is not None and project.target.platform == host_platform()


def _parse(file: Path, code: Path, project: Project, tools: Tools) -> ast.Module | None:
    """Parse a module; None when it is written in a Python that this one cannot read, but the target's can."""
    name = file.relative_to(code).as_posix()
    try:
        return ast.parse(file.read_bytes(), name)
    except SyntaxError as error:
        if _is_newer(project.target.python) and _compiles(file, project, tools):
            return None
        where = f"{name}:{error.lineno or 0}"
        message = f"{name} is not valid Python: {error.msg}\n  {where}\n    {(error.text or '').strip()}"
        raise BuildError(message, _syntax_hint(project), where) from None
    except ValueError as error:  # null bytes
        raise BuildError(f"{name} is not Python: {error}", "write it again as text", name) from None


def _is_newer(minor: str) -> bool:
    """Say whether a Python may know syntax that ours does not."""
    ours, theirs = (tuple(map(int, version.split("."))) for version in (host_minor(), minor))
    return ours < theirs


def _compiles(file: Path, project: Project, tools: Tools) -> bool:
    """Ask the target's own interpreter, if there is one."""
    if project.target.interpreter is None:
        return False
    script = "import sys; compile(open(sys.argv[1], 'rb').read(), 'module', 'exec')"
    argv = [str(project.target.interpreter), "-I", "-S", "-c", script, str(file)]
    return tools.shell.run(argv).code == 0


def _syntax_hint(project: Project) -> str:
    python = project.target.python
    if _is_newer(python) and project.target.interpreter is None:
        return f"mend that line; if Python {python} can read it, install that to have it checked: uv python install {python}"
    return "mend that line"


def _check_functions(source: ast.Module, path: str) -> None:
    found = {}
    for node in source.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found[node.name] = node
            if node.name in ARGUMENTS:
                _check_signature(node, path)
    if not ARGUMENTS.keys() & _names(source):
        raise _useless(path, found)


def _useless(path: str, names: Iterable[str]) -> BuildError:
    mine = [name for name in names if not name.startswith("_")]
    near = [(name, match[0]) for name in mine if (match := difflib.get_close_matches(name, ARGUMENTS, cutoff=0.7))]
    hint = f"did you mean {near[0][1]} by {near[0][0]}?" if near else f"write one or more of {_SIGNATURES}"
    return BuildError(f"{path} has none of {', '.join(ARGUMENTS)}", hint, path)


def _check_signature(node: ast.FunctionDef | ast.AsyncFunctionDef, path: str) -> None:
    where = f"{path}:{node.lineno}"
    if isinstance(node, ast.AsyncFunctionDef):
        raise BuildError(f"{node.name} in {path} is async", "write it with plain `def`: nothing awaits it", where)
    given = ARGUMENTS[node.name]
    positional = [*node.args.posonlyargs, *node.args.args]
    needed = len(positional) - len(node.args.defaults)
    has_room = node.args.vararg is not None or given <= len(positional)
    demands = [
        arg.arg for arg, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if default is None
    ]
    if needed > given or not has_room or demands:
        takes = ", ".join([*(arg.arg for arg in positional), *demands])
        message = f"{node.name} in {path} takes ({takes}), and is called with {given} argument{'s' * (given > 1)}"
        raise BuildError(message, f"write {_SIGNATURES}", where)


def _names(source: ast.Module) -> set[str]:
    """Return what the module's top level may define; all of the functions where it imports *."""
    names: set[str] = set()
    for node in ast.walk(source):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.alias):
            names |= set(ARGUMENTS) if node.name == "*" else {node.asname or node.name}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def _imports_for_real(
    project: Project, handler: Handler, own: Set[Path], folders: Sequence[Path], tools: Tools
) -> bool:
    """Import the module as Lambda would; False when it needs what only Lambda has, so that nothing is known."""
    with tempfile.TemporaryDirectory(prefix="slsdeploy-") as scratch:
        path = Path(scratch) / "answer.json"
        argv = [str(project.target.interpreter), "-P", "-s", "-S", import_handler.__file__, handler.module, str(path)]
        done = tools.shell.run(argv, cwd=Path(scratch), env=_environment(project, folders))
        if not path.is_file():
            last = "\n".join(f"  {line}" for line in done.stderr.splitlines()[-12:])
            said = f"ended with code {done.code}" if done.code >= 0 else f"was killed by signal {-done.code}"
            message = f"{_file(project, handler)} does not import: Python {said}\n{last}".rstrip()
            raise BuildError(message, "a module that it imports ends the process", _file(project, handler))
        answer: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if "error" in answer:
        raise _failure(_file(project, handler), answer["error"], own, folders[0])
    if "names" in answer and not ARGUMENTS.keys() & set(answer["names"]):
        raise _useless(_file(project, handler), answer["names"])
    return "skipped" not in answer


def _environment(project: Project, folders: Sequence[Path]) -> dict[str, str]:
    """Return the variables that a module may ask for when it is imported; secrets are there, but empty."""
    return {
        **{name: "" for name in project.config.secrets},
        **project.config.environment,
        "SLSDEPLOY_STAGE": project.stage,
        "LAMBDA_TASK_ROOT": str(folders[0]),
        "AWS_LAMBDA_FUNCTION_NAME": project.stack,
        "AWS_REGION": project.config.region or os.environ.get("AWS_REGION", "us-east-1"),
        "PYTHONPATH": os.pathsep.join(str(folder) for folder in folders),
        "PYTHONHOME": "",
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
        hint = f"add {error['module']} to the requirements, or the module to the project folder"
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
        hint = f"add {names} to the requirements, or the module to the project folder"
        raise BuildError(
            f"{first.path} imports {names}, which the bundle does not have", hint, f"{first.path}:{first.line}"
        )
