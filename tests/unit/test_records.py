"""What a model's first dimension holds, by its signature and the names that its dimensions have."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from slsdeploy.bundle.model import inspect
from slsdeploy.types import Tensor
from slsdeploy_runtime import records


def tensors(*shapes: tuple[int, ...]) -> list[Tensor]:
    return [Tensor(str(index), "FP32", shape) for index, shape in enumerate(shapes)]


@pytest.mark.parametrize(
    ("inputs", "outputs", "symbols", "batch"),
    [
        ([(-1, 4)], [(-1, 2)], [], -1),
        ([(-1, 4)], [(-1, 2)], ["batch"], -1),
        ([(-1, 4), (-1,)], [(-1,)], ["N"], -1),
        ([(8, 4)], [(8, 2)], [], 8),
        ([(8, 4)], [(-1, 2)], [], 8),
        ([(-1, 4)], [()], [], -1),  # an output of unknown rank
        ([(-1, 4)], [(2,)], [], 0),  # an output that is not per record
        ([(-1, 4), (3,)], [(-1, 2)], [], 0),
        ([()], [(-1,)], [], 0),
        ([(-1,)], [(-1,)], ["sequence_length"], 0),
        ([(-1,)], [(-1,)], ["Tokens"], 0),
        ([(-1,), (-1,)], [(-1,)], ["batch", "rows"], 0),
    ],
)
def test_records(inputs: list[tuple[int, ...]], outputs: list[tuple[int, ...]], symbols: list[str], batch: int) -> None:
    assert records.batch(tensors(*inputs), tensors(*outputs), symbols) == batch


@pytest.mark.parametrize(("name", "batch"), [(None, -1), ("N", -1), ("seq", 0)])
def test_the_build_reads_the_names_from_the_file(tmp_path: Path, name: str | None, batch: int) -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [name, 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [name, 2])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "model.onnx")
    assert inspect(tmp_path / "model.onnx").batch == batch
