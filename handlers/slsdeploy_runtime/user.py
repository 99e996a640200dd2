"""The user's module -> its functions. Whatever is wrong with it stops the environment from starting, with a message that says so.

Or, for `handler = "module:app"`, its ASGI application, which answers HTTP by itself; other events are answered as without a module.

preprocess(request: Request) -> dict of arrays       default: the signature's own mapping
predict(model: Model, inputs) -> dict of arrays      default: model.run(inputs)
postprocess(outputs) -> anything JSON can hold       default: {"outputs": ...}
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

from slsdeploy_runtime.decode import Array
from slsdeploy_runtime.functions import ARGUMENTS
from slsdeploy_runtime.model import Model
from slsdeploy_runtime.request import Request


class HandlerError(Exception):
    """The user's module does not import, has none of the functions, or one of them answered what cannot be used."""


class Handler(NamedTuple):
    """The user's functions; None where the default applies. `app` is an ASGI application (see asgi.py)."""

    preprocess: Callable[[Request], Mapping[str, Array]] | None = None
    predict: Callable[[Model, Mapping[str, Array]], Mapping[str, Array]] | None = None
    postprocess: Callable[[Mapping[str, Array]], Any] | None = None
    app: Any = None


def load(name: str | None) -> Handler:
    """Import the user's module ("handler", or "module:app" for an application). Raises HandlerError."""
    if name is None:
        return Handler()
    name, _, attribute = name.partition(":")
    try:
        module = import_module(name)
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {error}{_place(error)}{_advice(error)}"
        raise HandlerError(f"{name}.py does not import: {said}") from error
    if attribute:
        app = getattr(module, attribute, None)
        if not callable(app):
            raise HandlerError(f"{name}.py has no application {attribute!r}: it is {type(app).__name__}")
        return Handler(app=app)
    return Handler(**_functions(module, name))


def _functions(module: ModuleType, dotted: str) -> dict[str, Any]:
    found = {name: getattr(module, name) for name in ARGUMENTS if hasattr(module, name)}
    for name, function in found.items():
        if not callable(function):
            raise HandlerError(f"{name} in {dotted}.py is a {type(function).__name__}, not a function")
    if not found:
        raise HandlerError(f"{dotted}.py has none of {', '.join(ARGUMENTS)}{_similar(module)}")
    return {name: _contained(function, name) for name, function in found.items()}


def _contained(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return the function with an end to it: what would end the environment fails this request alone, a forked copy of it ends here."""
    home = os.getpid()

    def call(*given: Any) -> Any:
        try:
            return function(*given)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            said = _unusual(error)
            if said:
                raise HandlerError(f"{name} {said}") from error
            raise
        finally:
            if os.getpid() != home:  # two processes must not answer one event
                os._exit(0)

    return call


def _unusual(error: BaseException) -> str:
    """Say what was raised that would end the environment, and with it a batch's other records time and again; "" for what would not."""
    if isinstance(error, SystemExit):
        return f"called sys.exit({error.code!r})"
    try:
        words = str(error)
    except Exception:  # who logs or reports it would stumble
        return f"raised a {type(error).__name__} whose __str__ fails"
    return "" if isinstance(error, Exception) else f"raised {type(error).__name__}: {words}"


def _place(error: BaseException) -> str:
    """Say which line of the user's raised it: Lambda reports our traceback, not the one of its cause."""
    from traceback import extract_tb  # only needed to fail well

    frames = [frame for frame in extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    return f" ({frames[-1].filename}, line {frames[-1].lineno})" if len(frames) > 1 else ""


def _advice(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return " (a module of a package must be in the requirements, one of your own in the project folder)"
    return ""


def _similar(module: ModuleType) -> str:
    from difflib import get_close_matches  # only needed to fail well

    mine = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
    near = [(name, match[0]) for name in mine if (match := get_close_matches(name, ARGUMENTS, cutoff=0.7))]
    return "".join(f"; did you mean {match!r} by {name!r}?" for name, match in near[:1])
