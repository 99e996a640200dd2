"""Tables, one file per format: a stream of bytes -> portions of rows, each with its line, and those as arrays for a model.

    open_table(stream, model) -> Table  `model` is None when a preprocess gets the rows as they are. Raises BadInput
        portions()                    its rows, as `Portion`s. Raises BadInput for a file that is broken, or of another format
        arrays(rows)                  the model's inputs for some rows of a portion. Raises BadInput; of a single row, for that one
        value(row)                    a row as a preprocess gets it
        notes                         what the log should say of it

Imported when the first table comes; each format at its first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, BinaryIO, NamedTuple, Protocol

from slsdeploy_runtime.decode import Array
from slsdeploy_runtime.model import Model
from slsdeploy_runtime.request import BadInput

SUFFIXES = {
    ".csv": "comma_separated",
    ".jsonl": "json_lines",
    ".ndjson": "json_lines",
    ".npy": "npy",
    ".npz": "npz",
    ".parquet": "parquet",
}
KINDS = {
    "text/csv": "comma_separated",
    "application/csv": "comma_separated",
    "application/jsonl": "json_lines",
    "application/jsonlines": "json_lines",
    "application/json-lines": "json_lines",
    "application/x-jsonlines": "json_lines",
    "application/ndjson": "json_lines",
    "application/x-ndjson": "json_lines",
    "application/x-npy": "npy",
    "application/x-npz": "npz",
    "application/vnd.apache.parquet": "parquet",
    "application/x-parquet": "parquet",
}
SEEKING = {"npz", "parquet"}  # their parts are read side by side
GZIP = ".gz"
PORTION_BYTES = 256 * 1024  # of a file: as Python's objects its rows take up to twenty times as much


class Portion(NamedTuple):
    """Some rows in their order: `lines` says where each is, `wrong` which lines are no rows, and why.

    `asks` are those of the rows (by their index) that are no rows but whole requests.
    """

    lines: Sequence[int]
    rows: Any
    wrong: Mapping[int, BadInput] = {}
    asks: Sequence[int] = ()


class Table(Protocol):
    """A file of rows that is being read."""

    notes: Mapping[str, Any]

    def portions(self) -> Iterator[Portion]: ...

    def arrays(self, rows: Any) -> Mapping[str, Array]: ...

    def value(self, row: Any) -> Any: ...


def format_of(key: str, kind: str) -> str:
    """Return the format's module for an object by its key, or else its media type; "" when it is no table."""
    name = key.lower().removesuffix(GZIP)
    found = next((module for suffix, module in SUFFIXES.items() if name.endswith(suffix)), "")
    return found or KINDS.get(kind, "")


def is_gzip(key: str, coding: str) -> bool:
    """Say whether an object is compressed."""
    codings = {each.strip() for each in coding.lower().split(",")}
    return not codings.isdisjoint({"gzip", "x-gzip"}) or key.lower().endswith(GZIP)


def open_table(name: str, stream: BinaryIO, model: Model | None) -> Table:
    """Begin to read a table of a format. Raises BadInput."""
    table: Table = import_module(f"slsdeploy_runtime.tables.{name}").open_table(stream, model)
    return table


def broken(error: Exception) -> BadInput | None:
    """Return what is wrong with a file that makes its reader raise this; None when it is not the file."""
    import gzip
    import zipfile
    import zlib

    damaged = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, NotImplementedError)
    if not isinstance(error, damaged):
        return None
    said = f"{error}" or type(error).__name__
    return BadInput(f"file: damaged or cut off: {said}", field="file", found=said)
