"""An HTTP body -> decoded JSON or bytes, by its Content-Type as people really send it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slsdeploy_runtime.json_text import from_json
from slsdeploy_runtime.request import BadInput

JSON = "application/json"
# curl -d says x-www-form-urlencoded whatever it sends, and many clients say text/plain or nothing
_VAGUE = ("", "text/plain", "application/x-www-form-urlencoded")


class NotJson(BadInput):
    """The body says that it is something else than JSON (a 415)."""


def read_json(body: bytes, headers: Mapping[str, str]) -> Any:
    """Decode a body that must be JSON. Raises BadInput, NotJson for another Content-Type."""
    kind = media_type(headers)
    if not (_is_json(kind) or kind in _VAGUE):
        raise NotJson(f"Content-Type: found {kind}, expected {JSON}", field="Content-Type", found=kind, expected=JSON)
    return from_json(body)


def read_any(body: bytes, headers: Mapping[str, str]) -> tuple[Any, str]:
    """Decode JSON, leave anything else as it came; with the Content-Type that it turned out to be. Raises BadInput."""
    kind = media_type(headers)
    if _is_json(kind) or (kind in _VAGUE and body.lstrip()[:1] in (b"{", b"[")):
        return from_json(body), JSON
    return body, kind or "application/octet-stream"


def media_type(headers: Mapping[str, str]) -> str:
    """Return the Content-Type without its parameters, in lower case; "" when there is none."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def request_id(text: str) -> str:
    """Return a caller's id for its request if it can be a header of the answer: at most 128 visible characters of ASCII; else ""."""
    return text if 0 < len(text) <= 128 and text.isascii() and text.isprintable() else ""


def _is_json(kind: str) -> bool:
    return kind == JSON or kind.endswith("+json")
