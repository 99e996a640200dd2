"""What Lambda answers when a function fails -> its type, its message and its own traceback, as a person reads them. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

_LONGEST = 2000  # characters of a message; a function may say megabytes


@dataclass(frozen=True, slots=True)
class Failure:
    """A function's failure; `trace` are the lines of its traceback, none when it ended in another way."""

    type: str
    message: str
    trace: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return "\n".join([f"{self.type}: {self.message}", *self.trace])


def read(payload: Any, kind: str) -> Failure:
    """Return what a payload with `FunctionError` says; `kind` is that header's value.

    https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html
    """
    told = payload if isinstance(payload, dict) else {"errorMessage": payload if isinstance(payload, str) else ""}
    frames = told.get("stackTrace")
    lines = "\n".join(map(str, frames)) if isinstance(frames, list) else ""
    message = str(told.get("errorMessage") or json.dumps(payload))
    return Failure(
        type=str(told.get("errorType") or kind),
        message=message if len(message) <= _LONGEST else f"{message[:_LONGEST]}...",
        trace=tuple(line.rstrip() for line in lines.splitlines() if line.strip()),
    )


def decoded(payload: bytes) -> Any:
    """Return an answer as JSON, or as text when it is none."""
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return payload.decode("utf-8", "replace")
