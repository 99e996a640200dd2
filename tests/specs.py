"""Functions of the local Lambda, for tests of a part of it."""

from __future__ import annotations

from typing import Any

from slsdeploy.local.functions.values import FunctionSpec


def spec(code: Any, **said: Any) -> FunctionSpec:
    """Return a small function with this code (or image), and what is said besides."""
    values: dict[str, Any] = {"runtime": "", "handler": "", "environment": {}, "layers": (), **said}
    values |= {"region": "us-east-1", "account": "1", "name": "f", "version": "1", "log_group": "g"}
    return FunctionSpec(memory=128, timeout=3, storage=512, code=code, **values)
