"""Event sources: those of our own, one file each in their folder, and those that installed packages add through entry points; outputs;
the names of the preflight's rules.

A package adds one with an entry point of the group `slsdeploy.events`, whose name is the word that `[[trigger]] type` takes and whose
value is a module as `slsdeploy_runtime.events` describes it. Its own name is all that is looked up here: the function gets the module
from the project's requirements, like everything else (`bundle/verify.py` makes sure that it does).
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import slsdeploy_runtime.events
import slsdeploy_runtime.outputs
from slsdeploy.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "slsdeploy.events"


@dataclass(frozen=True, slots=True)
class Origin:
    """The package that an event source comes from, and the module that it is."""

    package: str
    module: str


class Modules(Mapping[str, ModuleType]):
    """Modules by the words that name them. One that is asked for is imported alone; going through the words imports all."""

    def __init__(self, package: ModuleType, options: str, installed: bool = False) -> None:
        self._package = package
        self._options = options
        self._installed = installed

    def __getitem__(self, name: str) -> ModuleType:
        own = self._own(name)
        if own is not None:
            return own
        entries = _installed() if self._installed else {}
        return _load(name, entries[name])

    def __iter__(self) -> Iterator[str]:
        own = [name for name in _names(self._package) if self._own(name)]
        entries = _installed() if self._installed else {}
        for name in own:
            if name in entries:
                raise _taken(name, entries[name])
        return iter([*own, *entries])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _own(self, name: str) -> ModuleType | None:
        if name not in _names(self._package):
            return None
        module = import_module(f"{self._package.__name__}.{name}")
        return module if hasattr(module, self._options) else None


def event_sources() -> Modules:
    """Return the event sources by the word that `[[trigger]] type` takes, without those that every function has.

    Looking at them raises ConfigError when an installed package's does not import, or (at all of them) takes the word of one of ours.
    """
    return Modules(slsdeploy_runtime.events, "Trigger", installed=True)


def outputs() -> Modules:
    """Return the outputs by the word that `[output] type` takes."""
    return Modules(slsdeploy_runtime.outputs, "Output")


def rules() -> list[str]:
    """Return the ids of the preflight's rules: the names of their files. None is imported."""
    files = (Path(__file__).parent / "rules").glob("[!_]*.py")
    return sorted(file.stem.replace("_", "-") for file in files if file.stem != "rule")


def origins() -> dict[str, Origin]:
    """Return where the event sources that are not ours come from, by their modules."""
    return {
        each.module: Origin(each.dist.name if each.dist else each.module.partition(".")[0], each.module)
        for each in _installed().values()
    }


@cache
def _names(package: ModuleType) -> list[str]:
    return sorted(found.name for found in pkgutil.iter_modules(package.__path__))


@cache
def _installed() -> dict[str, EntryPoint]:
    """Look through the packages of this Python, once: that takes some milliseconds for a hundred of them."""
    from importlib.metadata import entry_points  # most projects need none of theirs

    return {each.name: each for each in sorted(entry_points(group=GROUP))}


def _taken(name: str, entry: EntryPoint) -> ConfigError:
    package, hint = _origin(entry)
    return ConfigError(f"the package {package} adds an event source {name!r}, which there is already", hint)


def _load(name: str, entry: EntryPoint) -> ModuleType:
    package, hint = _origin(entry)
    try:
        module = import_module(entry.module)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        raise ConfigError(
            f"the event source {name!r} of the package {package} does not import: {said}", hint
        ) from error
    missing = [each for each in ("Trigger", "wire", "matches", "handle") if not hasattr(module, each)]
    if missing:
        raise ConfigError(f"the event source {name!r} of the package {package} has no {' and no '.join(missing)}", hint)
    return module


def _origin(entry: EntryPoint) -> tuple[str, str]:
    """Return the package that an entry point comes from, and what to do when it is no good."""
    package = entry.dist.name if entry.dist else entry.value
    return package, f"uninstall {package}, or tell who maintains it"
