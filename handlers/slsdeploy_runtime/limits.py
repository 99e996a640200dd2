"""Numbers that AWS bounds: an option outside of its bounds is refused before AWS is asked. Pure."""

from __future__ import annotations

# A function's answer: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (6 MB, as JSON)
ANSWER_BYTES = 6 * 1024 * 1024


def within(option: str, found: int, least: int, most: int) -> None:
    """Raise ValueError for a number outside of its bounds."""
    if not least <= found <= most:
        raise ValueError(f"{option}: found {found}, expected {least} to {most}")
