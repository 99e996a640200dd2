"""A model -> whether its files are those that were built. Imported when it is asked: of one that cannot be loaded, or with `verify = true`.

Hashing 100 MB takes 60 ms with the processor's SHA instructions and 270 ms without (2026-11-21), about as long as loading them.
"""

from __future__ import annotations

from pathlib import Path

from slsdeploy_runtime import digests
from slsdeploy_runtime.manifest import ModelEntry

_verified: set[str] = set()  # paths: what ships is read-only, so once is enough


class Tampered(Exception):
    """A model's files are not those that were built."""


def verify(entry: ModelEntry) -> None:
    """Make sure that what is loaded is what was built, once in this execution environment. Raises Tampered when it is not."""
    if entry.path in _verified:
        return
    difference = changed(entry)
    if difference:
        raise Tampered(f"model {entry.name!r} is not what was built: {difference}")
    _verified.add(entry.path)


def changed(entry: ModelEntry) -> str:
    """Say in what the files that shipped differ from the build's; "" when they do not, or somebody else has looked at them.

    Files of S3 and of the file system are looked at by `remote`.
    """
    path = Path(entry.path)
    if entry.remote is not None or not path.is_file():
        return ""
    names = sorted(file.relative_to(path.parent).as_posix() for file in path.parent.rglob("*") if file.is_file())
    if not entry.made:
        names = [path.name, *(name for name in names if name != path.name)]
    named = [(name, digests.of_file(path.parent / name)) for name in names]
    found, wanted = (digests.of_lines(named), entry.made) if entry.made else (digests.of_files(named), entry.digest)
    if found == wanted:
        return ""
    return f"its files have the sha256 {found}, those that were built {wanted}: build and deploy again"
