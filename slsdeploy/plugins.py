"""What there is one file each of: event sources, model formats, packaging targets; found by looking into their folders."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType

import slsdeploy_runtime.events
import slsdeploy_runtime.formats


def event_sources() -> dict[str, ModuleType]:
    """Return the event sources by the word that `[[trigger]] type` takes, without those that every function has."""
    sources = _modules(slsdeploy_runtime.events)
    return {name: module for name, module in sources.items() if hasattr(module, "Trigger")}


def formats() -> dict[str, ModuleType]:
    """Return the model formats by their name."""
    return _modules(slsdeploy_runtime.formats)


def _modules(package: ModuleType) -> dict[str, ModuleType]:
    names = sorted(found.name for found in pkgutil.iter_modules(package.__path__))
    return {name: import_module(f"{package.__name__}.{name}") for name in names}
