"""What there is one file each of, found by looking into its folder: the event sources."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType

import slsdeploy_runtime.events


def event_sources() -> dict[str, ModuleType]:
    """Return the event sources by the word that `[[trigger]] type` takes, without those that every function has."""
    package = slsdeploy_runtime.events
    names = sorted(found.name for found in pkgutil.iter_modules(package.__path__))
    modules = {name: import_module(f"{package.__name__}.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "Trigger")}
