"""A model that cannot be loaded -> whether its files are still those that were built. Imported when it is asked."""

from __future__ import annotations

from pathlib import Path

from slsdeploy_runtime import digests
from slsdeploy_runtime.manifest import ModelEntry


def changed(entry: ModelEntry) -> str:
    """Say in what the files that shipped differ from the build's; "" when they do not, or somebody else has looked at them.

    They are not hashed at each start: that would take as long as loading them, and what Lambda unpacks is what was uploaded.
    """
    path = Path(entry.path)
    if entry.remote is not None or not path.is_file():
        return ""
    others = sorted(file for file in path.parent.rglob("*") if file.is_file() and file != path)
    files = sorted([path, *others]) if entry.made else [path, *others]
    named = [(file.relative_to(path.parent).as_posix(), digests.of_file(file)) for file in files]
    found, wanted = (digests.of_lines(named), entry.made) if entry.made else (digests.of_files(named), entry.digest)
    if found == wanted:
        return ""
    return f"its files have the sha256 {found}, those that were built {wanted}: build and deploy again"
