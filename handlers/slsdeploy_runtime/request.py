"""What is asked (`Request`), what is wrong with it (`BadInput`), or with the event around it (`BadEvent`). Standard library only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class Request(NamedTuple):
    """One request, whatever event it came in.

    `data` is decoded JSON, or bytes for anything else; `source` the event source's word ("http", "s3", "sqs", "direct");
    `meta` what came beside it: headers and path, bucket and key, message attributes. `model` is the name of the model that it is for:
    in `preprocess` always; before that "" where neither path nor trigger say.
    """

    data: Any
    content_type: str = "application/json"
    source: str = "direct"
    meta: Mapping[str, Any] = {}
    model: str = ""


class BadInput(Exception):
    """The caller's mistake: a 400 over HTTP, that record's failure in a batch, an `error` of a direct event.

    `message` is one line; `field` names the place in the request, `found` what was there, `expected` what should be.
    """

    def __init__(self, message: str, *, field: str = "", found: str = "", expected: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.found = found
        self.expected = expected

    @property
    def details(self) -> dict[str, str]:
        """Return the field, what was found and what is expected, as answers carry them; what nobody said is left out."""
        said = {"field": self.field, "found": self.found, "expected": self.expected}
        return {key: value for key, value in said.items() if value}


def mismatch(field: str, found: str, expected: str) -> BadInput:
    """Return the BadInput that says all three in its one line."""
    return BadInput(f"{field}: found {found}, expected {expected}", field=field, found=found, expected=expected)


class BadEvent(Exception):
    """An event is not in the form in which its source sends its events: nothing in it can be answered."""


def read_event(source: str, read: Callable[..., T], *given: Any) -> T:
    """Return what `read` finds in an event of a source ("SQS"). Raises BadEvent when it stumbles over the event's form."""
    try:
        return read(*given)
    except (TypeError, KeyError, AttributeError, IndexError, ValueError) as error:
        raise BadEvent(f"this is no event of {source} as AWS sends them: {type(error).__name__}: {error}") from error
