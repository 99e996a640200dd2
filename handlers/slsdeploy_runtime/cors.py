"""`cors = {...}` of an http trigger -> the Cors of a Function URL. Pure; imported where there is one.

https://docs.aws.amazon.com/lambda/latest/api/API_Cors.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "*")  # OPTIONS is the preflight's, and AWS's
MOST, HEADER_LENGTH, ORIGIN_LENGTH, MAX_AGE = 100, 1024, 253, 86_400

# by option: what AWS calls it, and its JSON Schema
_TEXTS = {"type": "array", "items": {"type": "string"}, "maxItems": MOST}
OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "allow_origins": ("AllowOrigins", {**_TEXTS, "description": 'who may call it from a browser: origins, or ["*"]'}),
    "allow_methods": (
        "AllowMethods",
        {"type": "array", "items": {"enum": list(METHODS)}, "maxItems": 6, "description": "with which methods"},
    ),
    "allow_headers": ("AllowHeaders", {**_TEXTS, "description": "with which headers, as content-type"}),
    "expose_headers": ("ExposeHeaders", {**_TEXTS, "description": "which of the answer's headers scripts may read"}),
    "max_age": (
        "MaxAge",
        {
            "type": "integer",
            "minimum": 0,
            "maximum": MAX_AGE,
            "description": "seconds that a browser may remember this",
        },
    ),
    "allow_credentials": ("AllowCredentials", {"type": "boolean", "description": "whether cookies may be sent"}),
}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {name: schema for name, (_, schema) in OPTIONS.items()},
}


def check(cors: Mapping[str, Any]) -> None:
    """Raise ValueError for the first thing that AWS, or every browser, would refuse."""
    for name, value in cors.items():
        if name not in OPTIONS:
            raise ValueError(f'cors: found "{name}", expected some of {", ".join(OPTIONS)}')
        kind = OPTIONS[name][1]["type"]
        if kind == "array":
            _check_texts(name, value)
        elif kind == "boolean" and not isinstance(value, bool):
            raise ValueError(f"cors.{name}: found {value!r}, expected true or false")
        elif kind == "integer" and not (type(value) is int and 0 <= value <= MAX_AGE):
            raise ValueError(f"cors.{name}: found {value!r}, expected 0 to {MAX_AGE} seconds")
    if cors.get("allow_credentials") and "*" in cors.get("allow_origins", ()):
        raise ValueError(
            'cors.allow_credentials: found true with allow_origins "*", which browsers refuse: name the origins'
        )


def _check_texts(name: str, value: Any) -> None:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"cors.{name}: found {value!r}, expected a list of texts")
    if len(value) > OPTIONS[name][1]["maxItems"]:
        raise ValueError(f"cors.{name}: found {len(value)}, expected at most {OPTIONS[name][1]['maxItems']}")
    for item in value:
        if name == "allow_methods" and item not in METHODS:
            raise ValueError(f'cors.{name}: found "{item}", expected some of {", ".join(METHODS)}')
        if name == "allow_origins" and not _is_origin(item):
            raise ValueError(f'cors.{name}: found "{item}", expected an origin as in "https://www.example.com", or "*"')
        if not 0 < len(item) <= HEADER_LENGTH:
            raise ValueError(f"cors.{name}: found one of {len(item)} characters, expected 1 to {HEADER_LENGTH}")


def _is_origin(text: str) -> bool:
    scheme, _, host = text.partition("://")
    return text == "*" or (bool(scheme and host) and "/" not in host and len(text) <= ORIGIN_LENGTH)


def to_aws(cors: Mapping[str, Any]) -> dict[str, Any]:
    """Return what CloudFormation takes."""
    return {OPTIONS[name][0]: list(value) if isinstance(value, tuple) else value for name, value in cors.items()}
