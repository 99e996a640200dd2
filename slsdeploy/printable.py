"""A file's name, which may be any bytes -> text that a terminal shows as it is, in one line."""

from __future__ import annotations


def printable(name: str) -> str:
    """Escape what is no character, and what a terminal would obey."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in name)
