"""Functions with several staged models (see `staged`), and what tests ask of them."""

from __future__ import annotations

import json
import threading
from typing import Any

import numpy as np

from tests.runtime import bundles, staged
from tests.runtime.conftest import Function, Serve, recorded

ROW = {"instances": [[1, 2]]}
ANSWER = {"predictions": [[2.0, 4.0]]}
INPUTS = {"x": np.array([[1, 2]], np.float32)}


def three(serve: Serve, *lazy: str, settings: dict[str, Any] | None = None, **bundle: Any) -> Function:
    """Serve staged models a, b and c, some of them lazy."""
    names = ("a", "b", "c")
    chosen = {name: {"format": staged.__name__, "load": "lazy" if name in lazy else "eager"} for name in names}
    for name, more in (settings or {}).items():
        chosen[name] |= more
    function = serve(*(bundles.double(name=name) for name in names), settings=chosen, **bundle)
    staged.runs.clear()  # of warming up
    return function


def http(path: str, body: Any = None, method: str = "POST") -> dict[str, Any]:
    """Return the event of a request to the function's URL."""
    event: dict[str, Any] = recorded("function_url")
    event["rawPath"] = event["requestContext"]["http"]["path"] = path
    event["requestContext"]["http"]["method"] = method
    event |= {"body": json.dumps(body), "isBase64Encoded": False, "headers": {"content-type": "application/json"}}
    return event


def fail(said: str) -> None:
    raise RuntimeError(said)


def wait(event: threading.Event) -> None:
    assert event.wait(10)


def meet(here: threading.Event, go_on: threading.Event) -> None:
    """Say that one is here, then wait."""
    here.set()
    wait(go_on)
