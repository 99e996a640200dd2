"""The user's module, as text -> what is wrong with it: no Python, none of the functions, arguments that do not fit. Nothing is run."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable
from pathlib import Path

from slsdeploy.errors import BuildError
from slsdeploy.interpreters import host_minor
from slsdeploy.tools import Tools
from slsdeploy.types import Project
from slsdeploy_runtime.functions import ARGUMENTS, SIGNATURES


def parse(file: Path, code: Path, project: Project, tools: Tools) -> ast.Module | None:
    """Parse a module in `code`; None when this Python cannot read it, but the target's may: its grammar is newer, or it is nested deeply.

    Raises BuildError with the line that is no Python.
    """
    name = file.relative_to(code).as_posix()
    try:
        return ast.parse(file.read_bytes(), name)
    except (RecursionError, MemoryError):
        return None
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


def check(source: ast.Module, path: str, app: str) -> None:
    """Make sure that the module has the application that `handler` names, or else the functions. Raises BuildError."""
    if not app:
        check_functions(source, path)
    elif app not in (names := _names(source)) and not _imports_all(source):
        raise no_application(path, app, names)


def no_application(path: str, app: str, names: Iterable[str]) -> BuildError:
    """Return the error for a module without the application; `names` are what it has."""
    near = difflib.get_close_matches(app, [name for name in names if not name.startswith("_")], 1)
    hint = f"did you mean {near[0]}?" if near else "name it as it is called there, as in app = FastAPI()"
    return BuildError(f"{path} has no application {app!r}, which `handler` names", hint, path)


def _imports_all(source: ast.Module) -> bool:
    return any(isinstance(node, ast.alias) and node.name == "*" for node in ast.walk(source))


def check_functions(source: ast.Module, path: str) -> None:
    """Make sure that the module has one of the functions, and that each takes what it is called with.

    Raises BuildError with the line.
    """
    found = {}
    for node in source.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found[node.name] = node
            if node.name in ARGUMENTS:
                _check_signature(node, path)
    if not ARGUMENTS.keys() & _names(source):
        raise useless(path, found)


def useless(path: str, names: Iterable[str]) -> BuildError:
    """Return the error for a module with none of the functions; `names` are what it has."""
    mine = [name for name in names if not name.startswith("_")]
    near = [(name, match[0]) for name in mine if (match := difflib.get_close_matches(name, ARGUMENTS, cutoff=0.7))]
    hint = f"did you mean {near[0][1]} by {near[0][0]}?" if near else f"write one or more of {SIGNATURES}"
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
        raise BuildError(message, f"write {SIGNATURES}", where)


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
