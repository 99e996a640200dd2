"""Options of the command line and environment variables -> values of keys, and where each came from.

What an option says is TOML where it is some (`true`, `["a"]`, `{ A = "1" }`, `"quoted"`), else the text itself: no quotes are needed
around a word. A key that takes words takes `3.13` for one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slsdeploy.config.lines import Path

ENVIRONMENT = "SLSDEPLOY_"
OPTION = "--set"
# Keys that are one value each: these can also come from the environment.
INTEGERS = ("memory", "timeout", "ephemeral_storage", "log_retention", "max_batch")
WORDS = ("name", "model", "handler", "python", "architecture", "package", "requirements", "region", "log_level")
SCALARS = (*WORDS, *INTEGERS)


@dataclass(frozen=True)
class Given:
    """The values given beside the file, and where each came from."""

    values: Mapping[str, Any]
    origins: Mapping[str, str]

    def origin(self, path: Path) -> str:
        """Return where the value at a path came from, "" when it is the file's, as part of a table may be."""
        value: Any = self.values
        for key in path:
            if isinstance(value, Mapping):
                if key not in value:
                    return ""
                value = value[key]
        return self.origins.get(str(path[0]), "") if path else ""


def given(overrides: Mapping[str, object], environ: Mapping[str, str]) -> Given:
    """Return what is given; an option stands above the environment."""
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for key in SCALARS:
        variable = ENVIRONMENT + key.upper()
        if environ.get(variable):
            values[key], origins[key] = _typed(key, environ[variable]), variable
    for key, value in overrides.items():
        if value is not None:
            values[key] = _parsed(key, value) if isinstance(value, str) else value
            origins[key] = f"{OPTION} {key}"
    return Given(values, origins)


def _typed(key: str, text: str) -> str | int:
    return int(text) if key in INTEGERS and re.fullmatch(r"-?\d{1,18}", text.strip()) else text


def _parsed(key: str, text: str) -> Any:
    """Return the TOML value that a text is, or the text."""
    try:
        document = tomllib.loads(f"value = {text}")
    except ValueError:
        return _typed(key, text)
    value = document["value"]
    is_one = len(document) == 1 and not (key in WORDS and not isinstance(value, str | list | dict))
    return value if is_one else text
