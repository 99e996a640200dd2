"""A misspelt word and those that there are -> what was probably meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

# What others call a processor.
_ALSO = {
    **dict.fromkeys(("amd64", "x64", "x86-64", "x86"), "x86_64"),
    **dict.fromkeys(("aarch64", "arm", "arm-64", "arm_64", "armv8"), "arm64"),
}
_VERSION = re.compile(r"\d+(\.\d+)*")


def did_you_mean(found: str, known: Iterable[str]) -> str:
    """Return "did you mean ...?" for a misspelt word, "" when nothing comes near.

    A version is no word: how it is spelt does not say which other was meant.
    """
    by_case = {word.lower(): word for word in known}
    word = found.strip().lower()
    if _VERSION.fullmatch(word) and word not in by_case:
        return ""
    close = [also for also in (_ALSO.get(word),) if also in by_case]
    close = close or difflib.get_close_matches(word, by_case, n=1, cutoff=0.6)
    close = close or [each for each in by_case if len(word) > 2 and each.startswith(word)]
    return f'did you mean "{by_case[close[0]]}"?' if close else ""
