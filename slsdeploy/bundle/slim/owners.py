"""Installed packages -> which distribution a path is of, in few words: by the shortest beginning that is of one alone; and back."""

from __future__ import annotations

from collections.abc import Mapping

from slsdeploy.bundle.slim.installed import Installed


def of(installed: Installed) -> Mapping[str, str]:
    """Return the name of the distribution by the beginning of its paths."""
    found: dict[str, str] = {}
    paths = {path: owner for path, owner in installed.owners.items() if not path.startswith("bin/")}
    depth = 1
    while paths:
        by_start: dict[str, set[str]] = {}
        for path, owner in paths.items():
            by_start.setdefault("/".join(path.split("/")[:depth]), set()).add(owner)
        alone = {start for start, names in by_start.items() if len(names) == 1}
        found |= {start: next(iter(by_start[start])) for start in sorted(alone)}
        paths = {path: owner for path, owner in paths.items() if "/".join(path.split("/")[:depth]) not in alone}
        depth += 1
    return found


def owner(path: str, owners: Mapping[str, str]) -> str:
    """Return the distribution of a path; bytecode is of its module's."""
    if path.startswith("__pycache__/"):
        path = f"{path.removeprefix('__pycache__/').partition('.')[0]}.py"
    parts = path.split("/")
    starts = ("/".join(parts[:length]) for length in range(1, len(parts) + 1))
    return next((owners[start] for start in starts if start in owners), parts[0])
