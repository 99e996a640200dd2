"""Numbers that AWS bounds: an option outside of its bounds is refused before AWS is asked. Pure."""

from __future__ import annotations


def within(option: str, found: int, least: int, most: int) -> None:
    """Raise ValueError for a number outside of its bounds."""
    if not least <= found <= most:
        raise ValueError(f"{option}: found {found}, expected {least} to {most}")
