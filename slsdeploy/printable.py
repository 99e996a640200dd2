"""A file's name, which may be any bytes, or a number of bytes -> text that a terminal shows as it is, in one line."""

from __future__ import annotations


def printable(name: str) -> str:
    """Escape what is no character, and what a terminal would obey."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in name)


def size(amount: int) -> str:
    """Return bytes as a person reads them, in powers of 1,000: 37.2 MB."""
    if amount < 1000:
        return f"{amount} B"
    value = float(amount)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"
