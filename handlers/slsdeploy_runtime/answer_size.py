"""An answer -> whether it surely has at most so many bytes as JSON, without writing it: Lambda's client will, once.

What is not sure is measured by who asks (`large.py`). Imported by every function, so that there is nothing to import here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# A function's answer: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (6 MB, as JSON)
ANSWER_BYTES = 6 * 1024 * 1024

_NUMBER = 26  # "-2.2250738585072014e-308" and ", " behind it
_CHARACTER = 12  # half of it is half of a surrogate pair: \\ud83d
_AROUND = 500  # what any form of answer says beside an output
_NUMERIC = "fiub"


def fits(value: Any, outputs: Mapping[str, Any] | None, most: int) -> bool:
    """Say whether it surely does; `outputs` are the arrays that the value says, if nothing else made it."""
    if outputs is None:
        return _left(value, most) >= 0
    room = most - _AROUND
    for name, array in outputs.items():
        if array.dtype.kind not in _NUMERIC:
            return _left(value, most) >= 0
        words = _CHARACTER * len(name)
        count = array.size or _lists(array.shape)
        room -= count * (_NUMBER + 4 * array.ndim + words) + words + _AROUND  # in rows, each has the name
    if room < 0:
        return False
    said = value.get("id")  # the caller's, which the Open Inference Protocol gives back
    return not isinstance(said, str) or room >= _CHARACTER * len(said)


def _lists(shape: tuple[int, ...]) -> int:
    """Return how many lists an array without numbers may be."""
    count = 1
    for size in shape:
        count *= size or 1
    return count


def _left(value: Any, room: int) -> int:
    """Return what is left of so much room at least; negative as soon as there is none."""
    if isinstance(value, str):
        return room - _CHARACTER * len(value) - 4
    if isinstance(value, dict):
        room -= _CHARACTER * sum(map(len, value)) + 6 * len(value)
        value = list(value.values())
    if isinstance(value, list):
        room -= 4
        for item in value:
            room = room - _NUMBER if type(item) is float else _left(item, room)
            if room < 0:
                break
        return room
    return room - _NUMBER - (value.bit_length() if isinstance(value, int) else 0)
