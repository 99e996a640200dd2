"""Parquet in S3, predicted row by row with pyarrow, and what is wrong with it."""

from __future__ import annotations

import io
import sys
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slsdeploy_runtime.s3_objects import ObjectsFailed
from tests.runtime import bundles
from tests.runtime.conftest import Serve
from tests.runtime.test_s3_rows import Tables, keys, predicted, s3, tables

__all__ = ["s3", "tables"]


def parquet(columns: dict[str, Any], **more: Any) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream, **more)
    return stream.getvalue()


def test_columns_are_read_in_their_order_row_group_by_row_group(tables: Tables) -> None:
    rows = 50_000
    body = parquet({"width": list(range(rows)), "height": [0.5] * rows}, row_group_size=7000)
    results, errors = tables("a.parquet", body)
    assert predicted(results) == [(row, [row * 2.0, 1.0]) for row in range(rows)]
    assert errors == []


@pytest.mark.parametrize(
    "x",
    [pa.array([[1, 2], [3, 4]]), pa.array([[1, 2], [3, 4]], pa.list_(pa.float64(), 2)), pa.array([[1.0, 2], [3, 4]])],
)
def test_a_column_of_lists_is_an_input(tables: Tables, x: Any) -> None:
    assert predicted(tables("a.parquet", parquet({"id": ["a", "b"], "x": x}))[0]) == [(0, [2.0, 4.0]), (1, [6.0, 8.0])]


def test_columns_are_found_by_name_and_a_null_fails_alone(serve: Serve, s3: Any) -> None:
    tables = Tables(serve(bundles.divide(), events=[bundles.event("s3")]), s3)
    results, errors = tables("a.parquet", parquet({"b": [2, None, 2, 2], "more": ["x"] * 4, "a": [1.0, 2, 3, 1e300]}))
    assert predicted(results) == [(0, {"quotient": 0.5, "total": 3.0}), (2, {"quotient": 1.5, "total": 5.0})]
    assert [(error["line"], error["error"]) for error in errors] == [
        (1, "column 'b': found null, expected a value of FP32"),
        (3, "column 'a': found the number 1e+300, expected what fits FP32"),
    ]


@pytest.mark.parametrize(
    ("datatype", "values", "expected"),
    [("BYTES", ["a", "ü"], ["a", "ü"]), ("BOOL", [True, False], [True, False]), ("INT64", [1, 2**62], [1, 2**62])],
)
def test_each_kind_of_value(serve: Serve, s3: Any, datatype: str, values: Any, expected: Any) -> None:
    tables = Tables(serve(bundles.same(datatype), events=[bundles.event("s3")]), s3)
    assert predicted(tables("a.parquet", parquet({"any": values}))[0]) == list(enumerate(expected))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "file: not Parquet that can be read"),
        (b"junk" * 100, "file: not Parquet that can be read"),
        (parquet({"a": [1], "b": [2]})[:-20], "file: not Parquet that can be read"),
        (parquet({"a": [1], "b": [2], "c": [3]}), "header: found 3 columns, expected 2"),
    ],
)
def test_a_file_that_is_wrong_fails_as_a_whole(tables: Tables, body: bytes, message: str) -> None:
    with pytest.raises(ObjectsFailed, match=message):
        tables("a.parquet", body)
    assert keys(tables.s3) == []


def test_damage_in_the_middle_fails_the_file(tables: Tables) -> None:
    body = bytearray(parquet({"a": list(range(100_000)), "b": list(range(100_000))}, row_group_size=10_000))
    body[len(body) // 2 : len(body) // 2 + 20_000] = b"\xff" * 20_000
    with pytest.raises(ObjectsFailed, match="file: not Parquet that can be read"):
        tables("a.parquet", bytes(body))
    assert keys(tables.s3) == []


def test_texts_for_numbers_fail_each_row(tables: Tables) -> None:
    results, errors = tables("a.parquet", parquet({"a": ["1"], "b": [2]}))
    assert (results, errors[0]["error"]) == ([], "column 'a'[0]: found the text '1', expected numbers (FP32 [-1])")


def test_without_pyarrow_it_says_what_to_do(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ObjectsFailed, match="add pyarrow to its requirements"):
        tables("a.parquet", b"PAR1")
