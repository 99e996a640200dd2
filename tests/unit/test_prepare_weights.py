"""Models written anew: what is in them stays, where their weights lie is aligned, and the bytes depend on the model alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from slsdeploy.bundle.prepare import weights
from tests import models


def places(path: Path) -> dict[str, tuple[int, int]]:
    """Return where each weight outside lies: its offset and its length."""
    found = {}
    for tensor in onnx.load(path, load_external_data=False).graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            entry = {item.key: item.value for item in tensor.external_data}
            assert entry["location"] == weights.file_of(path).name
            found[tensor.name] = int(entry["offset"]), int(entry["length"])
    return found


def run(path: Path, inputs: dict[str, Any]) -> list[Any]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return list(session.run(None, inputs))


def test_weights_go_outside_aligned(tmp_path: Path) -> None:
    source = models.transformer(tmp_path / "model.onnx", layers=1, hidden=64, vocabulary=500)
    weights.rewrite(source, tmp_path / "made.onnx", external=True)
    found = places(tmp_path / "made.onnx")
    assert found
    for offset, length in found.values():
        assert length >= weights.LEAST_BYTES
        assert offset % (4096 if length >= 4096 else 64) == 0
    assert (tmp_path / "made.onnx").stat().st_size < 10_000
    ids = {"ids": np.array([[1, 2, 3]])}
    assert np.array_equal(run(source, ids)[0], run(tmp_path / "made.onnx", ids)[0])


def test_weights_that_are_outside_come_in_or_move(tmp_path: Path) -> None:
    source = models.linear(tmp_path / "model.onnx", width=40, large=True)
    x = {"x": np.ones((2, 40), np.float32)}
    for external in (False, True):
        target = tmp_path / "made" / f"{external}.onnx"
        target.parent.mkdir(exist_ok=True)
        weights.rewrite(source, target, external=external)
        assert bool(places(target)) == weights.file_of(target).exists() == external
        assert np.array_equal(run(source, x)[0], run(target, x)[0])


def test_the_order_of_weights_and_opsets_is_not_in_the_bytes(tmp_path: Path) -> None:
    source = models.transformer(tmp_path / "model.onnx", layers=1, hidden=64, vocabulary=500)
    other = onnx.load(source)
    initializers = list(reversed(other.graph.initializer))
    del other.graph.initializer[:]
    other.graph.initializer.extend(initializers)
    other.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    first = onnx.load(source)
    first.opset_import.insert(0, helper.make_opsetid("ai.onnx.ml", 3))
    made = []
    for name, model in (("first", first), ("other", other)):
        (tmp_path / name).mkdir()
        onnx.save(model, tmp_path / name / "model.onnx")
        target = tmp_path / name / "made.onnx"
        weights.rewrite(tmp_path / name / "model.onnx", target, external=True)
        made.append((target.read_bytes(), weights.file_of(target).read_bytes()))
    assert made[0] == made[1]


def test_weights_in_fields_of_their_own_kind_move_too(tmp_path: Path) -> None:
    """Old exporters write float_data, not raw_data."""
    graph = models.Graph()
    graph.weights.append(helper.make_tensor("m", TensorProto.FLOAT, [20, 20], [float(i) for i in range(400)]))
    graph.nodes.append(helper.make_node("MatMul", ["x", "m"], ["y"]))
    shape = [models.value(name, TensorProto.FLOAT, ["n", 20]) for name in "xy"]
    source = graph.save(tmp_path / "model.onnx", shape[:1], shape[1:])
    weights.rewrite(source, tmp_path / "made.onnx", external=True)
    assert list(places(tmp_path / "made.onnx")) == ["m"]
    x = {"x": np.ones((1, 20), np.float32)}
    assert np.array_equal(run(source, x)[0], run(tmp_path / "made.onnx", x)[0])


@pytest.mark.parametrize("make", [models.branches, models.kinds], ids=lambda make: make.__name__)
def test_inner_graphs_and_strings_stay(tmp_path: Path, make: Any) -> None:
    source = make(tmp_path / "model.onnx")
    weights.rewrite(source, tmp_path / "made.onnx", external=True)
    assert places(tmp_path / "made.onnx")
    onnxruntime.InferenceSession(tmp_path / "made.onnx", providers=["CPUExecutionProvider"])


def test_a_model_without_large_weights_has_no_second_file(tmp_path: Path) -> None:
    source = models.linear(tmp_path / "model.onnx", width=4)
    weights.rewrite(source, tmp_path / "made.onnx", external=True)
    assert not weights.file_of(tmp_path / "made.onnx").exists()


def test_cut_short_weights_are_told(tmp_path: Path) -> None:
    source = models.linear(tmp_path / "model.onnx", width=40, large=True)
    (tmp_path / "model.data").write_bytes(b"\0" * 100)
    with pytest.raises(OSError, match="cut short"):
        weights.rewrite(source, tmp_path / "made.onnx", external=True)
