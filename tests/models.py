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


def value(name: str, element: int, shape: Sequence[int | str | None] | None) -> Any:
    return helper.make_tensor_value_info(name, element, shape)


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


def branches(path: Path) -> Path:
    """Write a model with both kinds of inner graphs: y is x times a matrix if x is large, else x doubled three times; 100 kB of weights."""
    graph = Graph()
    limit, count, true = (graph.constant(item) for item in (np.float32(1), np.int64(3), np.bool_(True)))
    matrix = graph.weight(160, 160)
    large = graph.add("Greater", graph.add("ReduceMax", "x", keepdims=0), limit)
    plain = [160]
    then = helper.make_graph(
        [helper.make_node("MatMul", ["x", matrix], ["then_y"])],
        "then",
        [],
        [value("then_y", TensorProto.FLOAT, ["n", *plain])],
    )
    body = helper.make_graph(
        [helper.make_node("Add", ["before", "before"], ["after"]), helper.make_node("Identity", ["go"], ["goes"])],
        "body",
        [
            value("i", TensorProto.INT64, []),
            value("go", TensorProto.BOOL, []),
            value("before", TensorProto.FLOAT, None),
        ],
        [value("goes", TensorProto.BOOL, []), value("after", TensorProto.FLOAT, None)],
    )
    other = helper.make_graph(
        [helper.make_node("Loop", [count, true, "x"], ["else_y"], body=body)],
        "else",
        [],
        [value("else_y", TensorProto.FLOAT, ["n", *plain])],
    )
    graph.nodes.append(helper.make_node("If", [large], ["y"], then_branch=then, else_branch=other))
    return graph.save(path, [value("x", TensorProto.FLOAT, ["n", 160])], [value("y", TensorProto.FLOAT, ["n", 160])])


def kinds(path: Path) -> Path:
    """Write a model that takes a string, a truth and a number without dimensions, and gives them back; 100 kB of weights."""
    graph = Graph()
    graph.nodes += [
        helper.make_node("Identity", ["text"], ["said"]),
        helper.make_node("Not", ["truth"], ["lie"]),
        helper.make_node("Add", ["number", graph.add("ReduceSum", graph.weight(160, 160), keepdims=0)], ["sum"]),
    ]
    inputs = [
        value("text", TensorProto.STRING, ["n"]),
        value("truth", TensorProto.BOOL, ["n"]),
        value("number", TensorProto.FLOAT, []),
    ]
    outputs = [
        value("said", TensorProto.STRING, ["n"]),
        value("lie", TensorProto.BOOL, ["n"]),
        value("sum", TensorProto.FLOAT, []),
    ]
    return graph.save(path, inputs, outputs)


def dice(path: Path) -> Path:
    """Write a model whose answer is another each time; 9 MB of weights."""
    graph = Graph()
    noise = graph.add("RandomNormalLike", "x")
    graph.nodes.append(helper.make_node("MatMul", [noise, graph.weight(1500, 1500)], ["y"]))
    return graph.save(path, [value("x", TensorProto.FLOAT, ["n", 1500])], [value("y", TensorProto.FLOAT, ["n", 1500])])


def picky(path: Path) -> Path:
    """Write a model that refuses every number but 7; 9 MB of weights."""
    graph = Graph()
    numbers, seven = graph.constant(np.arange(1, dtype=np.float32)), graph.constant(np.int64(-7))
    picked = graph.add("Gather", numbers, graph.add("Add", "x", seven), axis=0)
    graph.add("MatMul", graph.weight(1500, 1500), graph.weight(1500, 1))
    graph.nodes.append(helper.make_node("Identity", [picked], ["y"]))
    return graph.save(path, [value("x", TensorProto.INT64, ["n"])], [value("y", TensorProto.FLOAT, ["n"])])


def pairs(path: Path) -> Path:
    """Write a quantized model, a QuantizeLinear and a DequantizeLinear around its product; 2 MB of weights."""
    graph = Graph()
    scale, zero, matrix = graph.constant(np.float32(0.02)), graph.constant(np.int8(0)), graph.weight(1500, 1500)
    weights = graph.add("DequantizeLinear", graph.add("QuantizeLinear", matrix, scale, zero), scale, zero)
    x = graph.add("DequantizeLinear", graph.add("QuantizeLinear", "x", scale, zero), scale, zero)
    graph.nodes.append(helper.make_node("MatMul", [x, weights], ["y"]))
    return graph.save(path, [value("x", TensorProto.FLOAT, ["n", 1500])], [value("y", TensorProto.FLOAT, ["n", 1500])])
