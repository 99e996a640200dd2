"""Made-up inputs: of the signature's types and shapes, several rows where sizes are free, the same each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from slsdeploy.bundle.prepare import samples
from slsdeploy.types import ModelInfo, Tensor

INFO = ModelInfo(
    "onnx",
    (
        Tensor("ids", "INT64", (-1, -1)),
        Tensor("image", "FP16", (-1, 3, -1, -1)),
        Tensor("text", "BYTES", (-1,)),
        Tensor("truth", "BOOL", (2,)),
        Tensor("number", "FP64", ()),
    ),
    (),
    0,
    (),
    17,
    "",
    (),
    0,
)


def test_shapes_and_types() -> None:
    one, other = samples.make(INFO)
    assert {name: array.shape for name, array in one.items()} == {
        "ids": (1, 8),
        "image": (1, 3, 32, 32),
        "text": (1,),
        "truth": (2,),
        "number": (),
    }
    assert {name: array.shape for name, array in other.items()} == {
        "ids": (3, 5),
        "image": (3, 3, 64, 64),
        "text": (3,),
        "truth": (2,),
        "number": (),
    }
    assert {name: array.dtype for name, array in one.items()} == {name: array.dtype for name, array in other.items()}
    assert one["image"].dtype == np.float16
    assert set(other["ids"].flatten()) == {0, 1}


def test_they_are_the_same_each_time() -> None:
    for one, other in zip(samples.make(INFO), samples.make(INFO), strict=True):
        assert all(np.array_equal(one[name], other[name]) for name in one)


def test_they_are_read_without_pickle(tmp_path: Path) -> None:
    made = samples.make(INFO)
    for sample, path in zip(made, samples.save(made, tmp_path), strict=True):
        with np.load(path, allow_pickle=False) as arrays:
            assert list(arrays["text"]) == list(sample["text"])
            assert arrays["number"].shape == ()
