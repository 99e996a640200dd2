"""Shared objects -> which of them cannot run on a target: made for another machine or system, for a newer one, or short of a library.

Pure. It says what a linker would say when the function starts: https://man7.org/linux/man-pages/man8/ld.so.8.html.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from slsdeploy.bundle import lambda_libraries, shared_objects
from slsdeploy.bundle.shared_objects import SharedObject
from slsdeploy.types import Target

_MOUNTS = {"task": "/var/task", "opt": "/opt"}
_OTHERS = {"pe": "is made for Windows", "mach-o": "is made for macOS"}
_NOTHING = {"text": "is text, and no shared object", "empty": "is empty", "unknown": "is no shared object"}


@dataclass(frozen=True, slots=True)
class Missing:
    """A library that an object links to, and the loader does not find; `elsewhere` is where the bundle has it ("": nowhere)."""

    object: SharedObject
    library: str
    elsewhere: str = ""


def misfit(found: SharedObject, target: Target) -> str:
    """Say why an object is not for the target: for what it is made; "" when it is for the target, or nothing is known of it."""
    if "linux" not in target.platform:  # the local function of a Mac
        return ""
    if found.format in _OTHERS:
        return _OTHERS[found.format]
    if found.machine and found.machine != target.architecture:
        return f"is made for {found.machine}"
    return ""


def defect(found: SharedObject) -> str:
    """Say why a file is none that a linker loads, whatever it is made for; "" when it is one."""
    return f"is damaged ({found.damage})" if found.damage else _NOTHING.get(found.format, "")


def fits(found: SharedObject, target: Target) -> bool:
    """Say whether an object is one, and for the target."""
    return not misfit(found, target) and not defect(found)


def is_imported(found: SharedObject) -> bool:
    """Say whether Python imports it, as far as its name tells."""
    return found.is_module and found.path.endswith(".so")


def is_linked(found: SharedObject) -> bool:
    """Say whether something on Linux would load it, by its name: no .dll, and no program."""
    name = posixpath.basename(found.path)
    return name.endswith(".so") or ".so." in name


def own(found: SharedObject) -> str:
    """Return an object's path as its maker knows it: without the folder of the bundle that it lies in."""
    for folder in ("task/", "opt/python/", "opt/"):
        if found.path.startswith(folder):
            return found.path.removeprefix(folder)
    return found.path


def package(found: SharedObject) -> str:
    """Return the top folder of an object, which is that of its package: numpy for numpy.libs, too."""
    return own(found).split("/", 1)[0].partition(".")[0]


def stem(path: str) -> str:
    """Return what a module is imported by: objects for several systems lie side by side under one name."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/{name.partition('.')[0]}"


def too_new(found: SharedObject, families: Iterable[str]) -> list[tuple[str, str]]:
    """Return the library and version of what an object needs above what Lambda has, of these families of names."""
    limits = {family: limit for family, limit in lambda_libraries.HIGHEST.items() if family in families}
    return [(library, version) for library, version in found.versions if _is_above(version, limits)]


def _is_above(version: str, limits: dict[str, tuple[int, ...]]) -> bool:
    family, count = version.partition("_")[0], shared_objects.number(version)
    if version == "GLIBC_ABI_DT_RELR":  # glibc 2.36: https://sourceware.org/glibc/wiki/Release/2.36
        return "GLIBC" in limits
    return bool(count) and family in limits and count > limits[family]


def missing(found: Sequence[SharedObject], has_base: bool = True) -> Iterator[Missing]:
    """Yield what the loader does not find, neither in the bundle nor in the base: with `has_base` that is Lambda's own, else only glibc."""
    there = {_mounted(each.path): each for each in found}
    by_name = {name: each.path for each in found for name in (posixpath.basename(each.path), each.soname) if name}
    inherited = {folder for each in found if each.is_inherited for folder in _folders(each)}
    for each in found:
        folders = [*_folders(each), *inherited, *lambda_libraries.FOLDERS]
        for library in each.needs:
            in_base = lambda_libraries.has(library) if has_base else library in lambda_libraries.SURE
            if not in_base and not any(posixpath.join(folder, library) in there for folder in folders):
                yield Missing(each, library, by_name.get(library, ""))


def _folders(found: SharedObject) -> list[str]:
    """Return where an object says that its libraries are."""
    origin = posixpath.dirname(_mounted(found.path))
    said = (path.replace("${ORIGIN}", "$ORIGIN").replace("$ORIGIN", origin) for path in found.paths)
    return [posixpath.normpath(path) for path in said]


def _mounted(path: str) -> str:
    """Return where a file of the bundle is on Lambda."""
    top, _, rest = path.partition("/")
    return f"{_MOUNTS.get(top, f'/{top}')}/{rest}"
