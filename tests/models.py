"""Models made on the spot: a transformer of any size, and small ones of every unusual kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_SEED = 0


class Graph:
    """Collects nodes and weights under names of their own."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.random = np.random.default_rng(_SEED)

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def weight(self, *shape: int) -> str:
        return self.constant((self.random.standard_normal(shape) * 0.02).astype(np.float32))

    def constant(self, value: Any) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def save(self, path: Path, inputs: Sequence[Any], outputs: Sequence[Any], *, opset: int = 17) -> Path:
        graph = helper.make_graph(self.nodes, "g", list(inputs), list(outputs), self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        onnx.checker.check_model(model)
        onnx.save(model, path)
        return path


def value(name: str, element: int, shape: Sequence[int | str | None]) -> Any:
    return helper.make_tensor_value_info(name, element, list(shape))


def transformer(path: Path, *, layers: int = 4, hidden: int = 256, heads: int = 4, vocabulary: int = 8000) -> Path:
    """Write a sentence encoder as exporters write them, 21 MB by default; 90 MB with 6 layers of 384, 12 heads, 30,522 words."""
    graph = Graph()
    two, tiny, half, root = (graph.constant(np.float32(number)) for number in (2, 1e-12, 0.5, 2**0.5))
    one, scale = graph.constant(np.float32(1)), graph.constant(np.float32((hidden / heads) ** 0.5))
    split = graph.constant(np.array([0, 0, heads, hidden // heads], np.int64))
    join = graph.constant(np.array([0, 0, hidden], np.int64))

    def linear(x: str, width: int, to: int) -> str:
        return graph.add("Add", graph.add("MatMul", x, graph.weight(width, to)), graph.weight(to))

    def normal(x: str) -> str:
        apart = graph.add("Sub", x, graph.add("ReduceMean", x, axes=[-1]))
        spread = graph.add("ReduceMean", graph.add("Pow", apart, two), axes=[-1])
        even = graph.add("Div", apart, graph.add("Sqrt", graph.add("Add", spread, tiny)))
        return graph.add("Add", graph.add("Mul", even, graph.weight(hidden)), graph.weight(hidden))

    def head(x: str, perm: list[int]) -> str:
        return graph.add("Transpose", graph.add("Reshape", linear(x, hidden, hidden), split), perm=perm)

    def attention(x: str) -> str:
        query, key, content = head(x, [0, 2, 1, 3]), head(x, [0, 2, 3, 1]), head(x, [0, 2, 1, 3])
        likely = graph.add("Softmax", graph.add("Div", graph.add("MatMul", query, key), scale), axis=-1)
        seen = graph.add("Transpose", graph.add("MatMul", likely, content), perm=[0, 2, 1, 3])
        return linear(graph.add("Reshape", seen, join), hidden, hidden)

    def forward(x: str) -> str:
        wide = linear(x, hidden, 4 * hidden)
        gate = graph.add("Add", graph.add("Erf", graph.add("Div", wide, root)), one)
        return linear(graph.add("Mul", graph.add("Mul", wide, gate), half), 4 * hidden, hidden)

    x = normal(graph.add("Gather", graph.weight(vocabulary, hidden), "ids"))
    for _ in range(layers):
        x = normal(graph.add("Add", attention(x), x))
        x = normal(graph.add("Add", forward(x), x))
    graph.nodes.append(helper.make_node("Identity", [x], ["states"]))
    states = value("states", TensorProto.FLOAT, ["batch", "sequence", hidden])
    return graph.save(path, [value("ids", TensorProto.INT64, ["batch", "sequence"])], [states])


def convolutions(path: Path, *, channels: Sequence[int] = (32, 64, 128, 256, 512)) -> Path:
    """Write an image network: convolution, normalisation, rectifier, again and again."""
    graph, x, before = Graph(), "image", 3
    for count in channels:
        x = graph.add("Conv", x, graph.weight(count, before, 3, 3), kernel_shape=[3, 3], pads=[1] * 4, strides=[2, 2])
        one, zero = (graph.constant(np.full(count, number, np.float32)) for number in (1, 0))
        x = graph.add("Relu", graph.add("BatchNormalization", x, one, zero, zero, one))
        before = count
    graph.nodes.append(helper.make_node("GlobalAveragePool", [x], ["pooled"]))
    image = value("image", TensorProto.FLOAT, ["batch", 3, 64, 64])
    return graph.save(path, [image], [value("pooled", TensorProto.FLOAT, ["batch", before, 1, 1])])


def linear(path: Path, *, width: int = 1500, element: int = TensorProto.FLOAT, large: bool = False) -> Path:
    """Write one matrix product; with `large`, its weights beside it."""
    graph = Graph()
    kind = helper.tensor_dtype_to_np_dtype(element)
    matrix = graph.constant((graph.random.standard_normal((width, width)) * 0.02).astype(kind))
    graph.nodes.append(helper.make_node("MatMul", ["x", matrix], ["y"]))
    graph.save(path, [value("x", element, ["n", width])], [value("y", element, ["n", width])])
    if large:
        model = onnx.load(path)
        location = {"all_tensors_to_one_file": True, "location": f"{path.stem}.data", "size_threshold": 0}
        onnx.save_model(model, path, save_as_external_data=True, **location)
    return path
