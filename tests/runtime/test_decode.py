"""Nested lists become arrays of the signature, or a message that names the place, what was found and what is expected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from slsdeploy_runtime.decode import DTYPES, as_array, check_shape, name_inputs
from slsdeploy_runtime.json_text import from_json
from slsdeploy_runtime.manifest import Tensor
from slsdeploy_runtime.request import BadInput


def tensor(datatype: str, shape: tuple[int, ...] = (-1,)) -> Tensor:
    return Tensor("x", datatype, shape)


@pytest.mark.parametrize(
    ("datatype", "value"),
    [
        ("FP32", [1, 2.5]),
        ("FP16", [[1], [2]]),
        ("FP64", [1e300]),
        ("INT64", [-(2**63), 2**63 - 1]),
        ("INT64", [3.0]),
        ("UINT64", [2**64 - 1]),
        ("UINT8", [0, 255]),
        ("BOOL", [[True], [False]]),
        ("BYTES", ["a", "", "ö\x00"]),
    ],
)
def test_values_keep_their_value(datatype: str, value: Any) -> None:
    array = as_array(value, tensor(datatype), "x")
    assert array.dtype == DTYPES[datatype]
    assert array.tolist() == value


@pytest.mark.parametrize(
    ("datatype", "value", "message"),
    [
        ("FP32", [1, True], "x[1]: found the boolean true, expected numbers (FP32 [-1])"),
        ("INT64", [False, 1], "x[0]: found the boolean false, expected integers (INT64 [-1])"),
        ("FP32", [1, "NaN"], "x[1]: found the text 'NaN', expected numbers (FP32 [-1])"),
        ("FP32", [[1], [None]], "x[1][0]: found null, expected numbers (FP32 [-1])"),
        ("FP32", ["1.5"], "x[0]: found the text '1.5', expected numbers (FP32 [-1])"),
        ("FP32", [True], "x[0]: found the boolean true, expected numbers (FP32 [-1])"),
        ("FP32", [{"a": 1}], "x[0]: found an object with 'a', expected numbers (FP32 [-1])"),
        ("FP32", "text", "x: found the text 'text', expected numbers (FP32 [-1])"),
        ("FP32", [1, 1e39], "x[1]: found the number 1e+39, expected what fits FP32"),
        ("FP64", [10**400], "x: found values that do not fit, expected FP64 [-1]"),
        (
            "FP32",
            [[1, 2], [3]],
            "x[1]: found a list of 1, expected a list of 2, as in the first of its row (FP32 [-1])",
        ),
        ("FP32", [[1], 2], "x[1]: found the number 2, expected a list of 1, as in the first of its row (FP32 [-1])"),
        ("INT64", [1, 2.5], "x[1]: found the number 2.5, expected integers (INT64 [-1])"),
        ("INT64", [2**63], "x[0]: found the number 9223372036854775808, expected what fits INT64"),
        ("INT64", [float(2**63)], "x[0]: found the number 9.223372036854775808e+18, expected what fits INT64"),
        ("INT32", [0, 2**31], "x[1]: found the number 2147483648, expected what fits INT32"),
        ("UINT8", [256], "x[0]: found the number 256, expected what fits UINT8"),
        ("UINT64", [-1], "x[0]: found the number -1, expected what fits UINT64"),
        ("BOOL", [0], "x[0]: found the number 0, expected booleans (BOOL [-1])"),
        ("BYTES", ["a", 1], "x[1]: found the number 1, expected texts (BYTES [-1])"),
        (
            "BYTES",
            [["a"], []],
            "x[1]: found a list of 0, expected a list of 1, as in the first of its row (BYTES [-1])",
        ),
    ],
)
def test_what_does_not_fit_is_named(datatype: str, value: Any, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        as_array(value, tensor(datatype), "x")
    assert str(caught.value).replace("9.223372036854776e+18", "9.223372036854775808e+18") == message


@pytest.mark.parametrize("depth", [40, 100, 900])
@pytest.mark.parametrize("datatype", ["FP32", "BYTES"])
def test_lists_nested_however_deep_are_bad_input(depth: int, datatype: str) -> None:
    value: Any = "text" if datatype == "BYTES" else 1
    for _ in range(depth):
        value = [value]
    with pytest.raises(BadInput):
        check_shape(as_array(value, tensor(datatype), "x"), tensor(datatype), "x")


def test_a_message_stays_short_whatever_was_sent() -> None:
    for value in ("x" * 10_000, 10**4000, {"y" * 10_000: 1}):
        with pytest.raises(BadInput) as caught:
            as_array([value], tensor("BOOL"), "x")
        assert len(str(caught.value)) < 200
    with pytest.raises(BadInput) as caught:
        name_inputs({"z" * 10_000: 1}, [tensor("BOOL")], "inputs")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("found", "wanted", "message"),
    [
        ((4,), (-1, 4), "x: found shape [4], expected shape [-1, 4] (-1: any size)"),
        ((1, 3), (-1, 4), "x: found shape [1, 3], expected shape [-1, 4] (-1: any size)"),
        ((2, 4), (1, 4), "x: found shape [2, 4], expected shape [1, 4]"),
        ((0, 4), (-1, 4), "x: found shape [0, 4], expected at least one element"),
    ],
)
def test_a_wrong_shape_is_named(found: tuple[int, ...], wanted: tuple[int, ...], message: str) -> None:
    with pytest.raises(BadInput) as caught:
        check_shape(np.zeros(found), tensor("FP32", wanted), "x")
    assert str(caught.value) == message


def test_unknown_and_missing_inputs_are_named() -> None:
    wanted = [Tensor("a", "FP32", (-1, 4)), Tensor("b", "INT64", (1,))]
    with pytest.raises(
        BadInput, match=r"^inputs\.c: found an input that the model does not have, expected 'a' or 'b'$"
    ):
        name_inputs({"a": [], "b": [], "c": []}, wanted, "inputs")
    with pytest.raises(BadInput, match=r"expected 'weight' \(did you mean that\?\)$"):
        name_inputs(
            {"size": [], "wieght": []}, [Tensor("size", "FP32", (1,)), Tensor("weight", "FP32", (1,))], "inputs"
        )
    with pytest.raises(BadInput, match=r"^inputs\.b: found nothing, expected INT64 \[1\]$"):
        name_inputs({"a": []}, wanted, "inputs")


@pytest.mark.parametrize(
    ("body", "start"),
    [
        (b"", "body: found nothing"),
        (b" \n", "body: found nothing"),
        (b"{", "body: not JSON: Expecting property name"),
        (b"[1, NaN]", "[1]: found NaN, expected a finite number"),
        (b"-Infinity", "body: found -Infinity, expected a finite number"),
        (b'"\xff"', "body: found byte 0xff at 1, expected JSON in UTF-8"),
        (b"[" * 100_000, "body: not JSON:"),
        (b"1" * 10_000, "body: not JSON:"),
    ],
)
def test_what_is_not_json_is_bad_input(body: bytes, start: str) -> None:
    with pytest.raises(BadInput) as caught:
        from_json(body)
    assert str(caught.value).startswith(start)


def test_a_byte_order_mark_is_no_obstacle() -> None:
    assert from_json('\ufeff{"a": "ö"}'.encode()) == {"a": "ö"}
