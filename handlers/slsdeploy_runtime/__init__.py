"""The model service that runs inside Lambda: loads the model once, answers every event source.

What a user's module may import is here, each found on first use: the deployer imports this package for the
wiring half of `events`, and must not pay for numpy and onnxruntime.
"""

from __future__ import annotations

from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slsdeploy_runtime.asgi_routes import asgi_app
    from slsdeploy_runtime.model import Model, get_model
    from slsdeploy_runtime.request import BadInput, Request

STARTED = perf_counter()  # inside Lambda this is the first of our lines that runs

__all__ = ["BadInput", "Model", "Request", "asgi_app", "get_model"]

_HOME = {
    "BadInput": "request",
    "Request": "request",
    "Model": "model",
    "get_model": "model",
    "asgi_app": "asgi_routes",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
