"""Anything that a postprocess may return becomes strict JSON, or an error that names the place."""

from __future__ import annotations

import json
from datetime import date
from enum import IntEnum
from typing import Any

import numpy as np
import pytest

from slsdeploy_runtime.encode import NotJson, plain
from slsdeploy_runtime.json_text import to_json

NAN, INF = float("nan"), float("inf")


class Kind(IntEnum):
    SETOSA = 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.float64(NAN), None),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array([1.5, NAN, -INF], np.float32), [1.5, None, None]),
        (np.array([[1, 2]], np.uint8), [[1, 2]]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array(["a", None, 1.0], object), ["a", None, 1.0]),
        (np.array(3.0), 3.0),
        (np.float16(1), 1.0),
        (np.longdouble(2.5), 2.5),
        (np.array([1, NAN], np.longdouble), [1.0, None]),
        (np.array([1 + 2j, complex(NAN, 1)]), [[1.0, 2.0], [None, 1.0]]),
        (np.complex64(1j), [0.0, 1.0]),
        (np.datetime64("2025-01-02T03:04"), "2025-01-02T03:04"),
        (np.array(["2025-01-02", "NaT"], "M8[D]"), ["2025-01-02", None]),
        (np.timedelta64(3, "s"), "3 seconds"),
        (np.array([b"a", b"\xc3\xb6"]), ["a", "ö"]),
        (np.ma.masked_array([1, 2], mask=[False, True]), [1, None]),
        (np.array([(1, NAN)], dtype=[("a", "i4"), ("b", "f4")]), [{"a": 1, "b": None}]),
        (np.array([(1, [2, 3])], dtype=[("a", "i4"), ("b", "f4", 2)])[0], {"a": 1, "b": [2.0, 3.0]}),
        (np.array([2**64 - 1], np.uint64), [2**64 - 1]),
        (np.array([-(2**63)]), [-(2**63)]),
        (np.array([{1: 0.5}, {1: NAN}], object), [{"1": 0.5}, {"1": None}]),
        ([], []),
        (np.zeros((0, 2)), []),
        ({"a": (1, INF), 2: [np.int8(3)]}, {"a": [1, None], "2": [3]}),
        (Kind.SETOSA, 0),
        (None, None),
    ],
)
def test_numpy_of_any_kind_becomes_json(value: Any, expected: Any) -> None:
    assert json.loads(to_json(plain(value))) == expected


def test_a_text_that_is_not_unicode_is_escaped() -> None:
    assert to_json({"id": "half of a pair: \ud800", "ö": 1}) == b'{"id":"half of a pair: \\ud800","\\u00f6":1}'


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"when": [date(2025, 1, 1)]}, r"the answer\['when'\]\[0\] is a date, which JSON cannot hold"),
        ({(1, 2): 3}, r"the answer has the key \(1, 2\)"),
        (b"raw", "the answer is a bytes"),
        (np.array([b"\xff"]), "the answer has bytes that are no text"),
        (np.void(b"ab"), r"the answer is an array of \|V2"),
    ],
)
def test_what_json_cannot_hold_is_named(value: Any, message: str) -> None:
    with pytest.raises(NotJson, match=message):
        plain(value)
