"""Event sources: those of our own, one file each in their folder, and those that installed packages add through entry points; outputs;
the names of the preflight's rules.

A package adds one with an entry point of the group `slsdeploy.events`, whose name is the word that `[[trigger]] type` takes and whose
value is a module as `slsdeploy_runtime.events` describes it. Its own name is all that is looked up here: the function gets the module
from the project's requirements, like everything else (`bundle/verify.py` makes sure that it does).
"""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

import slsdeploy_runtime.events
import slsdeploy_runtime.outputs
from slsdeploy.errors import ConfigError

GROUP = "slsdeploy.events"


@dataclass(frozen=True, slots=True)
class Origin:
    """The package that an event source comes from, and the module that it is."""

    package: str
    module: str


def event_sources() -> dict[str, ModuleType]:
    """Return the event sources by the word that `[[trigger]] type` takes, without those that every function has.

    Raises ConfigError when an installed package's does not import, or takes the word of one of ours.
    """
    own = _own(slsdeploy_runtime.events, "Trigger")
    return {**own, **{name: _load(name, each, own) for name, each in _installed().items()}}


def outputs() -> dict[str, ModuleType]:
    """Return the outputs by the word that `[output] type` takes."""
    return _own(slsdeploy_runtime.outputs, "Output")


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
def _own(package: ModuleType, options: str) -> dict[str, ModuleType]:
    """Return a package's modules with options of that name."""
    names = sorted(found.name for found in pkgutil.iter_modules(package.__path__))
    modules = {name: import_module(f"{package.__name__}.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, options)}


@cache
def _installed() -> dict[str, EntryPoint]:
    """Look through the packages of this Python, once: that takes some milliseconds for a hundred of them."""
    return {each.name: each for each in sorted(entry_points(group=GROUP))}


def _load(name: str, entry: EntryPoint, own: dict[str, ModuleType]) -> ModuleType:
    package = entry.dist.name if entry.dist else entry.value
    hint = f"uninstall {package}, or tell who maintains it"
    if name in own:
        raise ConfigError(f"the package {package} adds an event source {name!r}, which there is already", hint)
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
