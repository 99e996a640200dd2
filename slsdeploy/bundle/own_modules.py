"""Paths of a project's files -> which modules they are, and which of them a module imports. Pure; read from what is known of the files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from slsdeploy.bundle import imports
from slsdeploy.bundle.contents import Content


def imported(start: str, files: Mapping[str, Content]) -> list[str]:
    """Return the files that importing one of them imports, that one first; nothing when it is not among them."""
    waiting, found = [start], dict.fromkeys([start])
    while waiting:
        path = waiting.pop()
        if path in files:
            for module in files[path].at_import:
                for name in _candidates(imports.absolute(module, tuple(path.split("/")[:-1])) or ""):
                    if name in files and name not in found:
                        found[name] = None
                        waiting.append(name)
    return [path for path in found if path in files]


def tops(files: Mapping[str, Content]) -> dict[str, str]:
    """Return the modules that lie at the top of the code, by name: the file, or the package's __init__.py; others shadow nothing."""
    found: dict[str, str] = {}
    for path in files:
        head, _, rest = path.partition("/")
        if not rest and head.endswith((".py", ".so")):
            found.setdefault(head.partition(".")[0], path)
        elif rest == "__init__.py":
            found[head] = path
    return found


def _candidates(module: str) -> Iterator[str]:
    """Yield the files that importing a module may run: the packages above, and its own."""
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        stem = "/".join(parts[:length])
        yield from (f"{stem}.py", f"{stem}/__init__.py")
