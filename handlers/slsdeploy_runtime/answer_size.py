"""An answer -> whether it surely has at most so many bytes as JSON, without writing it: Lambda's client will, once.

What is not sure is measured by who asks (`large.py`). Imported by every function, so that there is nothing to import here.
"""

from __future__ import annotations

from collections.abc import Mapping
from marshal import dumps
from typing import Any

# A function's answer: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (6 MB, as JSON)
ANSWER_BYTES = 6 * 1024 * 1024

_NUMBER = 26  # "-2.2250738585072014e-308" and ", " behind it
_CHARACTER = 12  # half of it is half of a surrogate pair: \\ud83d
_MARSHALLED = 7  # one byte is "false, "; version 2 writes a text each time that it is there
_AROUND = 500  # what any form of answer says beside an output
_NUMERIC = "fiub"


def fits(value: Any, outputs: Mapping[str, Any] | None, most: int) -> bool:
    """Say whether it surely does; `outputs` are the arrays that the value says, if nothing else made it."""
    if outputs is None:
        return _fits(value, most)
    room = most - _AROUND
    for name, array in outputs.items():
        if array.dtype.kind not in _NUMERIC:
            return _fits(value, most)
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


def _fits(value: Any, most: int) -> bool:
    """Look at all of a value; marshal writes a small one in a third of the time of a look from here, and no text shorter."""
    try:
        if _MARSHALLED * len(dumps(value, 2)) <= most:
            return True
    except ValueError:  # a text or a number of a class of its own
        pass
    return _left(value, most) >= 0


def _left(value: Any, room: int) -> int:
    """Return what is left of so much room at least; negative as soon as there is none."""
    kind = type(value)
    if kind is list or kind is dict:
        room -= 4
        items = value
        if kind is dict:
            room -= 6 * len(value) + _CHARACTER * len("".join(value))
            items = value.values()
        for item in items:
            room = room - _NUMBER if type(item) is float else _left(item, room)
            if room < 0:
                break
        return room
    if isinstance(value, str):
        return room - 4 - _CHARACTER * len(value)
    return room - _NUMBER - (value.bit_length() if isinstance(value, int) else 0)
