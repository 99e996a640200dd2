"""JSON Lines: each line is a row (a value, or an object with every input), or a whole request with "inputs" or "instances"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import orjson

from slsdeploy_runtime import forms
from slsdeploy_runtime.decode import Array
from slsdeploy_runtime.json_text import from_json
from slsdeploy_runtime.model import Model
from slsdeploy_runtime.request import BadInput
from slsdeploy_runtime.tables import Portion
from slsdeploy_runtime.tables.lines import blocks, split


def open_table(stream: BinaryIO, model: Model | None) -> JsonLines:
    """Begin to read."""
    return JsonLines(stream, model)


class JsonLines:
    """A file of JSON Lines; its lines are counted from 1, empty ones are no rows."""

    notes: Mapping[str, Any] = {}

    def __init__(self, stream: BinaryIO, model: Model | None) -> None:
        self._stream = stream
        self._model = model
        self._names = {each.name for each in model.inputs} if model else set()

    def portions(self) -> Iterator[Portion]:
        """Decode the lines of each block."""
        for block in blocks(self._stream):
            if block.error is not None:
                yield Portion([], [], {block.first: block.error})
                continue
            numbers, rows, wrong = [], [], {}
            for number, line in enumerate(split(block), block.first):
                try:
                    rows.append(orjson.loads(line))
                    numbers.append(number)
                except orjson.JSONDecodeError:
                    try:
                        if line.strip():
                            rows.append(from_json(line, "line"))
                            numbers.append(number)
                    except BadInput as error:
                        wrong[number] = error
            yield Portion(numbers, rows, wrong, [index for index, row in enumerate(rows) if self._is_request(row)])

    def arrays(self, rows: Sequence[Any]) -> Mapping[str, Array]:
        assert self._model is not None
        return forms.read({"instances": list(rows)}, self._model).inputs

    def value(self, row: Any) -> Any:
        return row

    def _is_request(self, row: Any) -> bool:
        return type(row) is dict and ("inputs" in row or "instances" in row) and row.keys() != self._names
