"""Tables in S3, predicted row by row, against S3 in this process (moto): each format, and what is wrong with it."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import numpy as np
import pytest

from slsdeploy_runtime.s3_objects import ObjectsFailed
from tests.runtime import bundles
from tests.runtime.conftest import REGION, Function, Serve, logs, metrics
from tests.runtime.test_s3 import arrived

BUCKET = "flowers"
Row = dict[str, Any]


@pytest.fixture
def s3(aws: None) -> Iterator[Any]:
    client = boto3.client("s3", region_name=REGION)
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    yield client
    client.close()


def keys(s3: Any) -> list[str]:
    return [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET, Prefix="output/").get("Contents", [])]


def lines(s3: Any, key: str) -> list[Row]:
    body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return [json.loads(line) for line in body.splitlines()]


class Tables:
    """A function with an s3 trigger, and the bucket that it reads."""

    def __init__(self, function: Function, s3: Any) -> None:
        self.function, self.s3 = function, s3

    def __call__(self, key: str, body: bytes, **more: Any) -> tuple[list[Row], list[Row]]:
        """Put an object, send its event; return the results and the errors."""
        self.s3.put_object(Bucket=BUCKET, Key=f"input/{key}", Body=body, **more)
        (table,) = self.function(arrived(f"input/{key}"))["tables"]
        results = lines(self.s3, f"output/input/{key}.jsonl")
        assert table["results"] == f"s3://{BUCKET}/output/input/{key}.jsonl"
        has_errors = f"output/input/{key}.errors.jsonl" in keys(self.s3)
        errors = lines(self.s3, f"output/input/{key}.errors.jsonl") if has_errors else []
        assert (table["errors"] is not None) == has_errors
        assert (table["rows"], table["failed"]) == (len(results) + len(errors), len(errors))
        return results, errors


@pytest.fixture
def tables(serve: Serve, s3: Any) -> Tables:
    return Tables(serve(events=[bundles.event("s3")]), s3)


def predicted(rows: list[Row]) -> list[tuple[int, Any]]:
    return [(row["line"], *row["predictions"]) for row in rows]


def npy(array: Any, **more: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **more)
    return stream.getvalue()


def test_each_row_of_a_table_is_predicted(tables: Tables, capsys: pytest.CaptureFixture[str]) -> None:
    results, errors = tables("a table.csv", b"1,2\n3,4\n")
    assert predicted(results) == [(1, [2.0, 4.0]), (2, [6.0, 8.0])]
    assert errors == []
    (done,) = [line for line in logs(capsys.readouterr().out) if line["message"] == "a table is predicted"]
    assert (done["rows"], done["failed"], done["bytes"], done["of_bytes"]) == (2, 0, 8, 8)


def test_rows_that_fail_go_beside_with_their_lines(tables: Tables, capsys: pytest.CaptureFixture[str]) -> None:
    text = b"\xef\xbb\xbfwidth,height\r\n1,2\r\n3\r\n\r\n4,five\r\n6,7\r\n8,\xff\r\n"
    results, errors = tables("a.csv", text)
    assert predicted(results) == [(2, [2.0, 4.0]), (6, [12.0, 14.0])]
    assert [(error["line"], error["error"]) for error in errors] == [
        (3, "row: found 1 columns, expected 2"),
        (5, "column 'height': found the text 'five', expected FP32 (x is FP32 [-1, 2])"),
        (7, "line: found byte 0xff, expected text in UTF-8"),
    ]
    (metric,) = metrics(capsys.readouterr().out)
    assert (sum(metric["Errors"]), sum(metric["BadInputs"])) == (3, 3)


@pytest.mark.parametrize("compress", ["suffix", "coding", None])
@pytest.mark.parametrize("kind", ["csv", "jsonl", "npy"])
def test_every_format_compressed_or_not(tables: Tables, kind: str, compress: str | None) -> None:
    array = np.arange(20000, dtype=np.float32).reshape(-1, 2)
    body = {
        "csv": b"".join(b"%d,%d\n" % tuple(row) for row in array),
        "jsonl": b"".join(b"[%d,%d]\n" % tuple(row) for row in array),
        "npy": npy(array),
    }[kind]
    more = {"ContentEncoding": "gzip"} if compress == "coding" else {}
    name = f"a.{kind}.gz" if compress == "suffix" else f"a.{kind}"
    results, errors = tables(name, gzip.compress(body) if compress else body, **more)
    first = 0 if kind == "npy" else 1
    assert predicted(results) == [(first + index, [row[0] * 2, row[1] * 2]) for index, row in enumerate(array.tolist())]
    assert errors == []


def test_a_broken_file_writes_nothing(tables: Tables) -> None:
    body = gzip.compress(b"1,2\n" * 10000)
    with pytest.raises(ObjectsFailed, match="file: damaged or cut off"):
        tables("a.csv.gz", body[:-20])
    assert keys(tables.s3) == []


@pytest.mark.parametrize(
    ("key", "body"),
    [("a.csv", b""), ("a.csv", b"width,height\n"), ("a.jsonl", b"\n\n"), ("a.npy", npy(np.empty((0, 2))))],
)
def test_a_table_without_rows_has_an_empty_result(tables: Tables, key: str, body: bytes) -> None:
    assert tables(key, body) == ([], [])


def test_a_table_without_one_good_row_has_errors_only(tables: Tables) -> None:
    results, errors = tables("a.csv", b"1\n2\n")
    assert (results, [error["line"] for error in errors]) == ([], [1, 2])
    (_, error) = tables("b.csv", b"1,x\n1;2\n")[1]
    assert error["error"] == "row: found 1 columns (the separator is a comma), expected 2"
    assert errors[0] == {
        "line": 1,
        "error": "row: found 1 columns, expected 2",
        "field": "row",
        "found": "1 columns",
        "expected": "2",
    }


def test_errors_of_an_earlier_run_go(tables: Tables) -> None:
    tables("a.csv", b"1,2\n1\n")
    assert keys(tables.s3) == ["output/input/a.csv.errors.jsonl", "output/input/a.csv.jsonl"]
    tables("a.csv", b"1,2\n")
    assert keys(tables.s3) == ["output/input/a.csv.jsonl"]


def test_lines_of_json_are_rows_or_requests(tables: Tables) -> None:
    body = b'[1, 2]\n{"x": [3, 4]}\n\n{"inputs": {"x": [[5, 6]]}}\n{"instances": [[7, 8], [9, 0]]}\n'
    body += b'[1]\nnothing\n{"y": 1}\n[NaN, 1]\n["\xff", 1]\n{"instances": 3}\n[1, 1e99]\n7\n[1, 2]'
    results, errors = tables("a.jsonl", body)
    assert results == [
        {"line": 1, "predictions": [[2.0, 4.0]]},
        {"line": 2, "predictions": [[6.0, 8.0]]},
        {"line": 4, "outputs": {"y": [[10.0, 12.0]]}},
        {"line": 5, "predictions": [[14.0, 16.0], [18.0, 0.0]]},
        {"line": 14, "predictions": [[2.0, 4.0]]},
    ]
    assert [error["line"] for error in errors] == [6, 7, 8, 9, 10, 11, 12, 13]
    assert [error["error"].partition(":")[0] for error in errors] == [
        *("instances", "line", "instances[0].y", "[0]", "line", "instances", "instances[0][1]", "instances")
    ]


def test_quotes_may_hold_commas_and_line_breaks(serve: Serve, s3: Any) -> None:
    tables = Tables(serve(bundles.same("BYTES"), events=[bundles.event("s3")]), s3)
    body = b'in\n"a, b"\n"two\nlines"\nplain\n"a ""word"""\n"wrong"er\n"next"\n"not closed\n'
    results, errors = tables("a.csv", body)
    assert predicted(results) == [(2, "a, b"), (3, "two\nlines"), (5, "plain"), (6, 'a "word"'), (8, "next")]
    assert [(error["line"], error["error"]) for error in errors] == [
        (7, "line: not CSV: ',' expected after '\"'"),
        (9, "line: not CSV: a quote that is not closed"),
    ]


def test_a_record_that_portions_cut_is_one(serve: Serve, s3: Any) -> None:
    tables = Tables(serve(bundles.same("BYTES"), events=[bundles.event("s3")]), s3)
    text = "x\n" * 1000
    results, errors = tables("a.csv", f'in\n"{text}"\n'.encode() * 400)
    assert [row["line"] for row in results] == [
        2 + each for index in range(400) for each in (index * 1002, index * 1002 + 1001)
    ][:-1]
    assert {row["predictions"][0] for row in results} == {text, "in"}
    assert errors == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"b,a\n1,2\n", {"quotient": 2.0, "total": 3.0}),
        (b"id, a ,b,label\nn,2,1,x\n", {"quotient": 2.0, "total": 3.0}),
    ],
)
def test_a_header_names_the_inputs(serve: Serve, s3: Any, text: bytes, expected: Any) -> None:
    tables = Tables(serve(bundles.divide(), events=[bundles.event("s3")]), s3)
    assert predicted(tables("a.csv", text)[0]) == [(2, expected)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"1,2\n", "header: found no header, expected columns 'a' and 'b'"),
        (b"a,c\n1,2\n", "header: found columns 'a', 'c', expected columns 'a' and 'b'"),
        (b"a,b,a\n1,2,3\n", "header: found 'a' twice"),
        ("a,b\n1,2\n".encode("utf-16"), "file: found text in UTF-16, expected UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "header: found no header|header: found columns"),
    ],
)
def test_a_table_that_does_not_fit_fails_as_a_whole(serve: Serve, s3: Any, text: bytes, message: str) -> None:
    tables = Tables(serve(bundles.divide(), events=[bundles.event("s3")]), s3)
    with pytest.raises(ObjectsFailed, match=message):
        tables("a.csv", text)
    assert keys(s3) == []


@pytest.mark.parametrize(
    ("datatype", "cells", "expected", "wrong"),
    [
        ("INT8", "1 1.0 -128 +7 128 1.5 x 1_0 1e2", [1, 1, -128, 7, None, None, None, None, 100], []),
        ("UINT64", "18446744073709551615 -1", [2**64 - 1, None], []),
        ("INT64", "9223372036854775807 9223372036854775808", [2**63 - 1, None], []),
        ("FP32", "1e3 1e39 nan inf 0x1 ١", [1000.0, None, "null", "null", None, None], []),
        ("BOOL", "true False 1 0 2 yes", [True, False, True, False, None, None], []),
    ],
)
def test_a_cell_is_what_it_says(serve: Serve, s3: Any, datatype: str, cells: str, expected: Any, wrong: Any) -> None:
    tables = Tables(serve(bundles.same(datatype), events=[bundles.event("s3")]), s3)
    results, errors = tables("a.csv", b"in\n" + cells.replace(" ", "\n").encode())
    found = {row["line"]: "null" if row["predictions"][0] is None else row["predictions"][0] for row in results}
    assert [found.get(line) for line in range(2, 2 + len(expected))] == expected
    assert len(results) + len(errors) == len(expected)


def test_a_line_that_is_too_long_is_passed_over(tables: Tables) -> None:
    long = b"1," * (5 << 20)
    results, errors = tables("a.csv.gz", gzip.compress(b"1,2\n" + long + b"\n3,4\n" + long))
    assert predicted(results) == [(1, [2.0, 4.0]), (3, [6.0, 8.0])]
    assert [(error["line"], error["found"]) for error in errors] == [(2, "10,485,760 bytes"), (4, "10,485,760 bytes")]
    results, errors = tables("a.jsonl", b"[1,2]\n" + b"[" * (7 << 20) + b"\n[3,4]\n")
    assert ([row["line"] for row in results], [error["line"] for error in errors]) == ([1, 3], [2])


def test_a_bomb_takes_little_memory(tables: Tables) -> None:
    import tracemalloc

    body = gzip.compress(bytes(64 << 20), 9) * 4
    tracemalloc.start()
    try:
        results, errors = tables("a.csv.gz", body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (results, [error["found"] for error in errors]) == ([], ["268,435,456 bytes"])
    assert peak < 40 << 20


def fortran() -> bytes:
    return npy(np.asfortranarray(np.ones((3, 2), np.float32)))


def long_header() -> bytes:
    return b"\x93NUMPY\x02\x00" + (2**32 - 1).to_bytes(4, "little") + b"{" * 100


def many_rows() -> bytes:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 2), }"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(16)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "array: not a .npy file"),
        (b"junk and more junk", "array: not a .npy file"),
        (
            npy(np.array([{}, 1]), allow_pickle=True),
            "array: found an array of object, .* what is pickled is never read",
        ),
        (npy(np.ones((3, 3), np.float32)), r"array: found shape \[1, 3\], expected shape \[-1, 2\]"),
        (npy(np.array(["a", "b"])), "array: found an array of <U1, expected FP32"),
        (npy(np.float32(3)), "array: found a single value"),
        (npy(np.zeros(3, [("a", "f4")])), "array: found an array of"),
        (npy(np.ones((3, 2), np.complex64)), "array: found an array of complex64"),
        (fortran(), "array: found an array in Fortran's order, .*np.ascontiguousarray"),
        (npy(np.ones((3, 2), np.float32))[:-1], "array: found the end of the file, expected 3 rows: it is cut off"),
        (npy(np.ones((3, 2), np.float32)) + b"1", "array: found more bytes than its header says"),
        (long_header(), "array: not a .npy file"),
        (many_rows(), "array: found the end of the file"),
        (npy(np.empty((3, 0), np.float32)), "array: found shape"),
    ],
)
def test_an_array_that_is_wrong_fails_as_a_whole(tables: Tables, body: bytes, message: str) -> None:
    with pytest.raises(ObjectsFailed, match=message):
        tables("a.npy", body)
    assert keys(tables.s3) == []


def test_a_number_that_does_not_fit_fails_alone(tables: Tables) -> None:
    results, errors = tables("a.npy", npy(np.array([[1, 2], [1e300, 0], [np.nan, np.inf], [3, 4]])))
    assert predicted(results) == [(0, [2.0, 4.0]), (2, [None, None]), (3, [6.0, 8.0])]
    assert [(error["line"], error["error"]) for error in errors] == [
        (1, "array: found the number 1e+300, expected what fits FP32")
    ]


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def test_arrays_by_name_are_read_side_by_side(serve: Serve, s3: Any) -> None:
    tables = Tables(serve(bundles.divide(), events=[bundles.event("s3")]), s3)
    a, b = np.arange(500_000, dtype=np.float32), np.full(500_000, 2, np.float64)
    results, errors = tables("a.npz", npz(a=a, b=b, more=a))
    assert (len(results), errors) == (500_000, [])
    assert results[-1] == {"line": 499_999, "predictions": [{"quotient": 249_999.5, "total": 500_001.0}]}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (npz(a=np.ones(3)), "file: found arrays .*expected one called 'b'"),
        (npz(a=np.ones(3), b=np.ones(4)), "file: found different numbers of rows"),
        (npz(a=np.ones(3), b=np.ones(3))[:-30], "file: damaged or cut off"),
        (b"junk", "file: damaged or cut off"),
        (gzip.compress(npz(a=np.ones(3), b=np.ones(3))), "file: damaged or cut off"),
    ],
)
def test_an_archive_that_is_wrong_fails_as_a_whole(serve: Serve, s3: Any, body: bytes, message: str) -> None:
    tables = Tables(serve(bundles.divide(), events=[bundles.event("s3")]), s3)
    with pytest.raises(ObjectsFailed, match=message):
        tables("a.npz", body)
