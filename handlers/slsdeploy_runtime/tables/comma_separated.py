"""CSV (RFC 4180, UTF-8): each record is a row. https://www.rfc-editor.org/rfc/rfc4180

The first record is a header when it names the model's inputs, or when it takes the place of numbers and none of its cells is one;
for a preprocess, when none of its cells is a number.
A record may go on over several lines in quotes; one that is wrong costs at most the lines that it swallows.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, BinaryIO

from slsdeploy_runtime.decode import DTYPES, Array, describe, signature_text
from slsdeploy_runtime.manifest import Tensor
from slsdeploy_runtime.model import Model
from slsdeploy_runtime.request import BadInput, mismatch
from slsdeploy_runtime.tables import Portion, columns, texts
from slsdeploy_runtime.tables.columns import Columns
from slsdeploy_runtime.tables.lines import blocks

Row = list[str]
# a quote that is never closed: the lines after it are read again, each time as many at most
AGAIN = 100
_NOT_UTF_8 = "surrogateescape"


def open_table(stream: BinaryIO, model: Model | None) -> CommaSeparated:
    """Begin to read. Raises BadInput for a model that does not take rows."""
    if model is not None:
        columns.check(model)
    return CommaSeparated(stream, model)


class CommaSeparated:
    """A file of comma-separated values; its lines are counted from 1, empty ones are no rows."""

    def __init__(self, stream: BinaryIO, model: Model | None) -> None:
        self._stream = stream
        self._model = model
        self._is_begun = False
        self._names: Sequence[str] = ()
        self._columns: Columns | None = None
        self.notes: dict[str, Any] = {}

    def portions(self) -> Iterator[Portion]:
        """Read the records of each block, and of the first whether it is the header. Raises BadInput for a header that does not fit."""
        for portion in _records(self._stream):
            yield portion if self._is_begun or not portion.rows else self._begin(portion)

    def arrays(self, rows: Sequence[Row]) -> Mapping[str, Array]:
        assert self._model is not None and self._columns is not None
        found = self._columns
        if set(map(len, rows)) != {found.width}:
            raise self._wrong_width(next(row for row in rows if len(row) != found.width))
        return {tensor.name: self._array(rows, tensor, found.inputs[tensor.name]) for tensor in self._model.inputs}

    def value(self, row: Row) -> Any:
        """Return a row by its columns' names, or as a list when they have none. Raises BadInput for one with more or fewer cells."""
        if not self._names:
            return row
        if len(row) != len(self._names):
            raise mismatch("row", f"{len(row)} columns", f"{len(self._names)}, as in the header")
        return dict(zip(self._names, row, strict=True))

    def _begin(self, portion: Portion) -> Portion:
        """Take the header off the first portion."""
        self._is_begun = True
        first = [cell.strip() for cell in portion.rows[0]]
        is_header = not any(map(texts.is_number, first))
        if self._model is not None:
            by_name = columns.named(first, self._model)
            is_header = by_name is not None or (is_header and _takes_numbers(self._model))
            self._columns = by_name or columns.in_order(len(first), first if is_header else (), self._model)
            if unused := self._columns.unused if by_name else []:
                self.notes["unused"] = unused
        if not is_header:
            return portion
        self._names = first
        self.notes["header"] = first[:20]
        return portion._replace(rows=portion.rows[1:], lines=portion.lines[1:])

    def _array(self, rows: Sequence[Row], tensor: Tensor, taken: Sequence[int]) -> Array:
        cells = (
            list(chain.from_iterable(rows))
            if isinstance(taken, range)
            else [row[index] for row in rows for index in taken]
        )
        try:
            return columns.shaped(texts.as_array(cells, tensor.datatype), tensor, len(rows))
        except ValueError:
            if len(rows) > 1:
                raise BadInput("one of these rows does not fit") from None
            raise self._wrong_cell(cells, tensor, taken) from None

    def _wrong_cell(self, cells: Sequence[str], tensor: Tensor, taken: Sequence[int]) -> BadInput:
        """Say which cell of a row does not fit."""
        assert self._columns is not None
        for place, cell in enumerate(cells):
            try:
                texts.as_array([cell], tensor.datatype)
            except ValueError:
                name = self._columns.name(taken[place % len(taken)])
                found = describe(cell) if cell.strip() else "nothing"
                return mismatch(name, found, f"{tensor.datatype} ({tensor.name} is {signature_text(tensor)})")
        return mismatch("row", "values that do not fit", signature_text(tensor))

    def _wrong_width(self, row: Row) -> BadInput:
        assert self._columns is not None
        return mismatch("row", f"{len(row)} columns{columns.separated(row)}", f"{self._columns.width}")


def _takes_numbers(model: Model) -> bool:
    return all(DTYPES[tensor.datatype].kind in "iuf" for tensor in model.inputs)


def _records(stream: BinaryIO) -> Iterator[Portion]:
    """Divide a file into records; one that a block's end cuts waits for the next block."""
    first, waiting = 1, ""
    for block in blocks(stream):
        if block.error is not None:
            if waiting:
                yield _read(first, waiting, is_last=True)[0]
            yield Portion([], [], {block.first: block.error})
            waiting = ""
            continue
        first = first if waiting else block.first
        try:
            text, is_utf_8 = block.text.decode(), True
        except UnicodeDecodeError:
            text, is_utf_8 = block.text.decode(errors=_NOT_UTF_8), False
        portion, waiting, first = _read(first, waiting + text, is_last=False)
        yield portion if is_utf_8 else _without_junk(portion)
    if waiting:
        yield _without_junk(_read(first, waiting, is_last=True)[0])


def _read(first: int, text: str, *, is_last: bool) -> tuple[Portion, str, int]:
    """Read the records of whole lines, of which the first has that number; return also what is left: a record that is not complete."""
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    if '"' not in text:
        try:
            rows = list(csv.reader(lines, strict=True))
            if len(rows) == len(lines):
                return _filled(range(first, first + len(rows)), rows), "", first + len(rows)
        except csv.Error:
            pass
    return _read_slowly(first, lines, is_last=is_last)


def _filled(numbers: Sequence[int], rows: list[Row]) -> Portion:
    """Leave empty lines out."""
    if all(rows):
        return Portion(numbers, rows)
    kept = [(number, row) for number, row in zip(numbers, rows, strict=True) if row]
    return Portion([number for number, _ in kept], [row for _, row in kept])


class _Lines:
    """Lines that a reader takes one by one; `at` is the next, and may be put back."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self.at = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self.at == len(self.lines):
            raise StopIteration
        self.at += 1
        return self.lines[self.at - 1] + "\n"


def _read_slowly(first: int, lines: Sequence[str], *, is_last: bool) -> tuple[Portion, str, int]:
    source = _Lines(lines)
    reader = csv.reader(source, strict=True)
    numbers: list[int] = []
    rows: list[Row] = []
    wrong: dict[int, BadInput] = {}
    while True:
        begin = source.at
        try:
            row = next(reader)
        except StopIteration:
            return Portion(numbers, rows, wrong), "", first + len(lines)
        except csv.Error as error:
            if source.at == len(lines) and not is_last:
                return Portion(numbers, rows, wrong), "\n".join([*lines[begin:], ""]), first + begin
            if source.at - begin <= AGAIN:
                source.at = begin + 1
            wrong[first + begin] = _wrong_record(error, first + begin, first + source.at - 1)
            continue
        if row:
            numbers.append(first + begin)
            rows.append(row)


def _wrong_record(error: csv.Error, first: int, last: int) -> BadInput:
    where = f"lines {first} to {last}" if last > first else "line"
    said = "a quote that is not closed" if "unexpected end" in str(error) else str(error)
    return BadInput(f"{where}: not CSV: {said}", field="line", found=said, expected="CSV")


def _without_junk(portion: Portion) -> Portion:
    """Tell which rows have bytes that are no UTF-8."""
    numbers, rows, wrong = [], [], dict(portion.wrong)
    for number, row in zip(portion.lines, portion.rows, strict=True):
        try:
            "".join(row).encode()
        except UnicodeEncodeError as error:
            found = f"byte 0x{ord(error.object[error.start]) - 0xDC00:02x}"
            wrong[number] = mismatch("line", found, "text in UTF-8")
        else:
            numbers.append(number)
            rows.append(row)
    return Portion(numbers, rows, wrong)
