"""How far apart two answers are, and what is too far."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from slsdeploy.bundle.prepare.comparing import compare, is_usable
from slsdeploy.bundle.prepare.tolerances import of as tolerances
from slsdeploy.types import ModelInfo, Tensor

INFO = ModelInfo("onnx", (), (Tensor("y", "FP32", (-1,)),), 0, (), 17, "", (), 0)
NAN, INF = float("nan"), float("inf")


def problem(one: Any, other: Any) -> str:
    return compare({"0": [np.asarray(one)]}, {"0": [np.asarray(other)]}, INFO).problem


def single(*numbers: float) -> np.ndarray[Any, Any]:
    return np.array(numbers, np.float32)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (single(1.0, 1000.0), single(1.0009, 1000.9)),
        (single(0.0), single(9e-5)),
        (single(NAN, INF, -INF), single(NAN, INF, -INF)),
        (single(1.0).astype(np.float16), single(1.015).astype(np.float16)),
        ([1, 2], [1, 2]),
        (["a", ""], ["a", ""]),
        ([True], [True]),
        (single(), single()),
        (np.float32(3), np.float32(3)),
    ],
)
def test_within_tolerance(one: Any, other: Any) -> None:
    assert problem(one, other) == ""


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        (single(1.0), single(1.002), "y: differs by up to 0.002"),
        (single(0.0), single(2e-4), "differs"),
        (np.array([1.0]), np.array([1.00001]), "differs"),
        (single(1.0), single(NAN), "differs"),
        (single(1.0), single(INF), "differs"),
        (single(INF), single(-INF), "differs"),
        ([1, 2], [1, 3], "1 of 2 values differ"),
        (["a"], ["b"], "1 of 1 values differ"),
        (single(1.0), single(1.0, 2.0), r"float32\[2\] instead of float32\[1\]"),
        ([1], [1.0], "instead of"),
    ],
)
def test_beyond_tolerance(one: Any, other: Any, words: str) -> None:
    import re

    assert re.search(words, problem(one, other))


def test_refused_inputs_are_told() -> None:
    assert "refuses" in compare({"0": [single(1)]}, {}, INFO).problem


def test_the_largest_difference_of_all_samples_counts() -> None:
    found = compare({"0": [single(1)], "1": [single(2)]}, {"0": [single(1)], "1": [single(2.0005)]}, INFO)
    assert found.difference == pytest.approx(5e-4, rel=1e-3)
    assert found.problem == ""


def test_numbers_where_there_were_numbers() -> None:
    assert is_usable({"0": [single(1, NAN)]}, {"0": [single(5, NAN)]})
    assert not is_usable({"0": [single(1, NAN)]}, {"0": [single(NAN, NAN)]})


def test_the_tolerance_is_stated_for_the_models_own_outputs() -> None:
    assert tolerances(INFO) == {"FP32": {"rtol": 1e-3, "atol": 1e-4}}
