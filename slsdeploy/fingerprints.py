"""The text of a file -> a hash of each of its lines, by which code scanning knows a line again that has moved. Pure.

GitHub calls it primaryLocationLineHash: of the hundred characters from the start of the line that are no blanks, and a number that tells
lines of the same hash apart. `github/codeql-action` adds it where it is missing, and warns where it is another.
https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning#data-for-preventing-duplicated-alerts
"""

from __future__ import annotations

import re
from collections import Counter

_CHARACTERS = 100
_BASE = 37
_SIZE = 2**64
_END = 0xFFFF  # stands behind the last character


def of_lines(text: str) -> list[str]:
    """Return the hash of each line; what follows the last line's end counts as one."""
    plain = re.sub(r"[ \t]", "", re.sub(r"\r\n?", "\n", text))
    units = plain.encode("utf-16-le", "surrogatepass")  # JavaScript's characters
    codes = [int.from_bytes(units[at : at + 2], "little") for at in range(0, len(units), 2)] + [_END]
    starts = [0, *(at + 1 for at, code in enumerate(codes) if code == ord("\n"))]
    codes += [0] * _CHARACTERS
    seen: Counter[int] = Counter()
    hashes = []
    for start in starts:
        value = 0
        for code in codes[start : start + _CHARACTERS]:
            value = (value * _BASE + code) % _SIZE
        seen[value] += 1
        hashes.append(f"{value:x}:{seen[value]}")
    return hashes
