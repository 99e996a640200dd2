"""A misspelt word and those that there are -> what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(found: str, known: Iterable[str]) -> str:
    """Return "did you mean ...?" for a misspelt word, "" when nothing comes near."""
    known = list(known)
    by_case = {word.lower(): word for word in known}
    close = difflib.get_close_matches(found.lower(), by_case, n=1, cutoff=0.6)
    close = close or [word for word in by_case if len(found) > 2 and word.startswith(found.lower())]
    return f'did you mean "{by_case[close[0]]}"?' if close else ""
