"""A text -> its lines in a terminal of some width: broken between words, never within a path, a URL or a `command`, later lines indented.

Only what a terminal shows is broken: a pipe gets each line whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

_STEP = 2  # later lines of a paragraph stand to the right of its first
_NARROW = 40  # what is left of the width beside columns must be more
_BELOW = 4
_WORD = re.compile(r" *(?:`[^`\n]*`|[^ ])+")  # what stands in backticks is to be copied


@dataclass(frozen=True, slots=True)
class Hanging:
    """Columns, and a text that begins at `indent`, where its later lines do too."""

    text: Text
    indent: int


def wrap(told: Text | Hanging, width: int) -> Iterator[Text]:
    """Yield the lines; one that must not be broken has `no_wrap`."""
    text = told.text if isinstance(told, Hanging) else told
    if text.no_wrap:
        yield text
        return
    for line in text.split("\n", allow_blank=True):
        leading = len(line.plain) - len(line.plain.lstrip(" "))
        if not isinstance(told, Hanging):
            yield from _broken(line, width, leading + _STEP)
        elif width - told.indent >= _NARROW:
            yield from _broken(line, width, told.indent)
        else:
            yield from _stacked(line, width, told.indent)


def _stacked(line: Text, width: int, indent: int) -> Iterator[Text]:
    """Write what is in the last column below the others: there is no room beside them."""
    above, below = line.divide([indent])
    above.rstrip()
    if above.plain:
        yield above
    yield from _broken(Text.assemble(" " * _BELOW, below), width, _BELOW)


def _broken(line: Text, width: int, indent: int) -> Iterator[Text]:
    """Yield a line in pieces that fit, if their words do."""
    breaks: list[tuple[int, int]] = []
    start, length = 0, 0
    for word in _WORD.finditer(line.plain):
        alone = cell_len(word[0].lstrip(" "))
        is_full = length and start + length + cell_len(word[0]) > width
        fitting = [each for each in (indent, _BELOW) if is_full and each + alone <= width]
        if fitting:
            breaks.append((word.start(), fitting[0]))
            start, length = fitting[0], alone
        else:  # what fits nowhere stays where it is
            length += cell_len(word[0])
    first, *later = line.divide([at for at, _ in breaks])
    first.rstrip()
    yield first
    for piece, (_, left) in zip(later, breaks, strict=True):
        piece.rstrip()
        yield Text.assemble(" " * left, piece[len(piece) - len(piece.plain.lstrip(" ")) :])
