"""A document -> TOML, in the order in which it stands: the standard library reads TOML and does not write it.

Knows what a lock file has: texts, numbers, booleans, arrays of these, tables and arrays of tables. Nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any


def dump(document: Mapping[str, Any]) -> str:
    """Return the document as TOML; each table after an empty line, each element of an array on a line of its own."""
    return "".join(_table(document, ""))


def _table(table: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key, value in table.items():
        if not _is_table(value) and not _are_tables(value):
            yield f"{_key(key)} = {_value(value)}\n"
    for key, value in table.items():
        name = f"{prefix}{_key(key)}"
        if _is_table(value):
            yield f"\n[{name}]\n"
            yield from _table(value, f"{name}.")
        elif _are_tables(value):
            for item in value:
                yield f"\n[[{name}]]\n"
                yield from _table(item, f"{name}.")


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _are_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _key(key: str) -> str:
    is_bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if is_bare else _text(key)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return "[\n" + "".join(f"  {_value(item)},\n" for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return _text(str(value))


def _text(text: str) -> str:
    """Quote a text; a requirement's markers have double quotes in them, and read better in single ones."""
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
