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
        ({"a": (1, INF), 2: [np.int8(3)]}, {"a": [1, None], "2": [3]}),
        (Kind.SETOSA, 0),
        (None, None),
    ],
)
def test_numpy_of_any_kind_becomes_json(value: Any, expected: Any) -> None:
    assert json.loads(to_json(plain(value))) == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"when": [date(2025, 1, 1)]}, r"the answer\['when'\]\[0\] is a date, which JSON cannot hold"),
        ({(1, 2): 3}, r"the answer has the key \(1, 2\)"),
        (b"raw", "the answer is a bytes"),
        (np.array([1 + 2j]), r"the answer\[0\] is a complex"),
    ],
)
def test_what_json_cannot_hold_is_named(value: Any, message: str) -> None:
    with pytest.raises(NotJson, match=message):
        plain(value)
