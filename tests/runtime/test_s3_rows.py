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

    def __call__(self, key: str, body: bytes, **more: str) -> tuple[list[Row], list[Row]]:
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
