"""Modules -> the imports among them that the bundle cannot satisfy, read from their source; nothing is run.

Followed from the handler through the project's own modules. Only what must import when the module does counts: not what is in a
function, under TYPE_CHECKING, or in a `try` that expects an ImportError.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from slsdeploy.bundle.import_handler import MANAGED

_BINARY = (".so", ".pyd")
_EXPECTED = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


@dataclass(frozen=True, slots=True)
class Missing:
    """An import that nothing satisfies: the module's name, and the file (relative to the code) and line that import it."""

    module: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Import:
    """An import statement's module; `names` are what it takes from it, each perhaps a module too."""

    module: str
    names: tuple[str, ...]
    level: int
    line: int

    @property
    def written(self) -> str:
        """The module as it is written, dots first."""
        return f"{'.' * self.level}{self.module}"


def missing(
    handler: Path, own: Set[Path], folders: Sequence[Path], parse: Callable[[Path], ast.Module | None]
) -> list[Missing]:
    """Return what is missing for the handler to import.

    `own` are the project's files, which are read too; `folders` are the module path, the code's first;
    `parse` returns None for a module that cannot be read here.
    """
    code = folders[0]
    waiting, seen, found = [handler], {handler}, []
    while waiting:
        file = waiting.pop()
        source = parse(file)
        package = file.parent.relative_to(code).parts
        for item in unguarded(source.body if source else []):
            dotted = absolute(item.written, package)
            if dotted is None or not _is_there(dotted, folders):
                found.append(Missing(dotted or item.module, file.relative_to(code).as_posix(), item.line))
            for module in _modules(code, dotted or "", item.names):
                if module in own and module not in seen:
                    seen.add(module)
                    waiting.append(module)
    return found


def unguarded(body: Sequence[ast.stmt]) -> Iterator[Import]:
    """Yield the imports that must succeed when the module is imported; an `elif` is an `if` in an `if`, so nothing here is recursive."""
    waiting = [*reversed(body)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (Import(name.name, (), 0, node.lineno) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(name.name for name in node.names)
            yield Import(node.module or "", names, node.level, node.lineno)
        else:
            waiting += reversed(_within(node))


def _within(node: ast.stmt) -> list[ast.stmt]:
    """Return the statements of another that run, and must succeed, when it does."""
    if isinstance(node, ast.ClassDef | ast.With | ast.For | ast.While):
        return node.body
    if isinstance(node, ast.If):
        return [] if _is_for_types(node.test) else [*node.body, *node.orelse]
    if isinstance(node, ast.Try) and not _expects_failure(node):
        return [*node.body, *node.orelse, *node.finalbody]
    return []


def _is_for_types(test: ast.expr) -> bool:
    return any("TYPE_CHECKING" in (getattr(part, "id", ""), getattr(part, "attr", "")) for part in ast.walk(test))


def _expects_failure(node: ast.Try) -> bool:
    caught = [handler.type for handler in node.handlers]
    return any(kind is None or _EXPECTED & {getattr(name, "id", "") for name in ast.walk(kind)} for kind in caught)


def absolute(module: str, package: tuple[str, ...]) -> str | None:
    """Return the full name of a module as an import in a package has it, dots first; None when it climbs out of the code."""
    name = module.lstrip(".")
    level = len(module) - len(name)
    if not level:
        return module
    if level > len(package):
        return None
    return ".".join([*package[: len(package) - level + 1], *([name] if name else [])])


def _is_there(dotted: str, folders: Sequence[Path]) -> bool:
    top = dotted.split(".", maxsplit=1)[0]
    if top in sys.stdlib_module_names or top in MANAGED:
        return True
    return any(_is_module(folder, top) for folder in folders)


def _is_module(folder: Path, name: str) -> bool:
    if (folder / name).is_dir() or (folder / f"{name}.py").is_file():
        return True
    return any(path.suffix in _BINARY for path in folder.glob(f"{name}.*"))


def _modules(code: Path, dotted: str, names: tuple[str, ...]) -> Iterator[Path]:
    """Yield the files that an import may run: the packages above, the module, modules taken from it."""
    parts = dotted.split(".")
    prefixes = [parts[:length] for length in range(1, len(parts) + 1)]
    for prefix in [*prefixes, *([*parts, name] for name in names)]:
        stem = code.joinpath(*prefix)
        yield from (stem.with_name(f"{stem.name}.py"), stem / "__init__.py")
