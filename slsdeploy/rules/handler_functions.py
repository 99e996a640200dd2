"""The handler's functions cannot be called as the runtime calls them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from slsdeploy.bundle import import_time
from slsdeploy.config.spelling import did_you_mean
from slsdeploy.rules.rule import Finding, Rule, Subject
from slsdeploy_runtime.functions import ARGUMENTS, SIGNATURES


class HandlerFunctions(Rule):
    """One of the handler's functions takes other arguments, awaits, or is no function.

    The module is read, not run: what is imported, or made when it runs, counts as fit.

    Why: the runtime calls preprocess(request), predict(model, inputs) and postprocess(outputs), and awaits none of them. Every request
    would fail.

    Mend: let each take what it is called with, by position, and write it with plain `def`.

    Example:
        async def preprocess(request):
            return await decode(request)

        def predict(inputs):
            return {}
    """

    id = "handler-functions"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        handler = subject.project.handler
        source = None if handler is None or handler.app else _parse(handler.path)
        if handler is None or source is None:
            return
        path = subject.relative(handler.path)
        defined = _defined(source)
        for name, node in defined.items():
            problem = _problem(name, node, defined) if name in ARGUMENTS else ""
            if problem:
                yield self.finding(f"{name} {problem}", f"write {SIGNATURES}", path, line=node.lineno)
        if not ARGUMENTS.keys() & defined.keys() and not _may_have_more(source):
            near = [meant for name in defined if (meant := did_you_mean(name, ARGUMENTS))]
            hint = near[0] if near else f"write one or more of {SIGNATURES}, or leave out the module"
            yield self.finding(f"the module has none of {', '.join(ARGUMENTS)}", hint, path)


def _parse(path: Path) -> ast.Module | None:
    try:
        return import_time.parse(path.read_bytes())
    except OSError:  # what handler-missing is for
        return None


def _defined(source: ast.Module) -> dict[str, ast.stmt]:
    """Return what each name of the module's top level is at last; names that are set elsewhere are any."""
    found: dict[str, ast.stmt] = {}
    for node in source.body:
        for name in _names(node):
            found[name] = node
    return found


def _names(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
        return
    for inner in ast.walk(node):
        if isinstance(inner, ast.alias):
            yield inner.asname or inner.name.partition(".")[0]
        elif isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            yield inner.id
        elif isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):  # below `if` or `try`
            yield inner.name


def _may_have_more(source: ast.Module) -> bool:
    """Say whether names come that are not written down: of `import *`, or of a module's own __getattr__ and globals()."""
    return any(
        (isinstance(node, ast.alias) and node.name == "*")
        or (isinstance(node, ast.Name) and node.id in ("globals", "setattr", "exec"))
        or (isinstance(node, ast.FunctionDef) and node.name == "__getattr__")
        for node in ast.walk(source)
    )


def _problem(name: str, node: ast.stmt, defined: Mapping[str, ast.stmt]) -> str:
    """Say what is wrong with what a name means, "" when nothing is, or nothing can be known."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return _of_function(node, name, bound=0)
    if isinstance(node, ast.ClassDef):
        return _of_class(node, name)
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        return _of_value(node.value, name, defined)
    return ""


def _of_class(node: ast.ClassDef, name: str) -> str:
    """A class is called, too: what it makes is no answer."""
    if node.bases or node.keywords or node.decorator_list or _method(node, "__new__"):
        return ""
    makes = _method(node, "__init__")
    return (
        _of_function(makes, name, bound=1) if makes else f"is a class that takes no arguments: write {name} = {name}()"
    )


def _of_value(value: ast.expr, name: str, defined: Mapping[str, ast.stmt]) -> str:
    if isinstance(value, ast.Constant | ast.List | ast.Dict | ast.Set | ast.Tuple | ast.JoinedStr):
        return f"is {ast.unparse(value)[:40]}, and no function"
    if isinstance(value, ast.Lambda):
        return _arity(value.args, name, bound=0)
    if isinstance(value, ast.Name) and isinstance(other := defined.get(value.id), ast.FunctionDef):
        return _of_function(other, name, bound=0)
    is_made = isinstance(value, ast.Call) and isinstance(value.func, ast.Name)
    if is_made and isinstance(made := defined.get(value.func.id), ast.ClassDef):  # type: ignore[attr-defined]
        return _of_object(made, name)
    return ""


def _of_object(made: ast.ClassDef, name: str) -> str:
    called = _method(made, "__call__")
    if called is not None:
        return _of_function(called, name, bound=1)
    is_plain = not (made.bases or made.keywords or made.decorator_list)
    return f"is a {made.name}, which has no __call__" if is_plain else ""


def _method(of: ast.ClassDef, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    methods = (each for each in of.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
    return next((each for each in methods if each.name == name), None)


def _of_function(node: ast.FunctionDef | ast.AsyncFunctionDef, name: str, bound: int) -> str:
    """Judge a function; a decorator may have made another of it. `bound`: arguments that it gets besides."""
    if node.decorator_list:
        return ""
    if isinstance(node, ast.AsyncFunctionDef):
        return "is async, and nothing awaits it"
    return _arity(node.args, name, bound)


def _arity(args: ast.arguments, name: str, bound: int) -> str:
    given = ARGUMENTS[name] + bound
    positional = [*args.posonlyargs, *args.args]
    needed = len(positional) - len(args.defaults)
    demands = [each.arg for each, default in zip(args.kwonlyargs, args.kw_defaults, strict=True) if default is None]
    has_room = args.vararg is not None or given <= len(positional)
    if needed <= given and has_room and not demands:
        return ""
    takes = ", ".join([*(each.arg for each in positional[bound:]), *demands])
    count = ARGUMENTS[name]
    return f"takes ({takes}), and is called with {count} argument{'s' * (count > 1)}"
