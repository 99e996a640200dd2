"""A sentence embedding model of a common size: 6 layers of 384, 12 heads, 30,522 words.

90 MB of float32 weights, random but always the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

VOCABULARY, POSITIONS, HIDDEN, HEADS, FEED, LAYERS = 30_522, 512, 384, 12, 1536, 6


class Graph:
    """Nodes and weights of a model that is being written."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self._random = np.random.default_rng(20261121)

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; return its output's name."""
        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name, **attributes))
        return name

    def constant(self, value: Any) -> str:
        name = f"weight_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def weight(self, *shape: int) -> str:
        return self.constant((self._random.standard_normal(shape) * 0.02).astype(np.float32))

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def number(self, value: float) -> str:
        return self.constant(np.array(value, np.float32))

    def linear(self, x: str, inputs: int, outputs: int) -> str:
        return self.add("Add", self.add("MatMul", x, self.weight(inputs, outputs)), self.weight(outputs))

    def norm(self, x: str) -> str:
        scale, bias = self.constant(np.ones(HIDDEN, np.float32)), self.constant(np.zeros(HIDDEN, np.float32))
        return self.add("LayerNormalization", x, scale, bias, axis=-1, epsilon=1e-12)

    def gelu(self, x: str) -> str:
        """Write it as exporters do."""
        erf = self.add("Erf", self.add("Div", x, self.number(2**0.5)))
        return self.add("Mul", self.add("Mul", x, self.add("Add", erf, self.number(1.0))), self.number(0.5))

    def heads(self, x: str) -> str:
        split = self.add("Reshape", x, self.ints(0, 0, HEADS, HIDDEN // HEADS))
        return self.add("Transpose", split, perm=[0, 2, 1, 3])

    def attention(self, x: str, mask: str) -> str:
        query, key, value = (self.heads(self.linear(x, HIDDEN, HIDDEN)) for _ in range(3))
        scores = self.add("MatMul", query, self.add("Transpose", key, perm=[0, 1, 3, 2]))
        scores = self.add("Add", self.add("Div", scores, self.number((HIDDEN // HEADS) ** 0.5)), mask)
        mixed = self.add("MatMul", self.add("Softmax", scores, axis=-1), value)
        joined = self.add("Reshape", self.add("Transpose", mixed, perm=[0, 2, 1, 3]), self.ints(0, 0, HIDDEN))
        return self.linear(joined, HIDDEN, HIDDEN)


def write(path: Path) -> None:
    """Write the model: token ids and their mask in, one embedding per text out."""
    graph = Graph()
    length = graph.add("Gather", graph.add("Shape", "input_ids"), graph.constant(np.array(1, np.int64)), axis=0)
    zero, one = graph.constant(np.array(0, np.int64)), graph.constant(np.array(1, np.int64))
    positions = graph.add("Gather", graph.weight(POSITIONS, HIDDEN), graph.add("Range", zero, length, one))
    x = graph.add("Add", graph.add("Gather", graph.weight(VOCABULARY, HIDDEN), "input_ids"), positions)
    x = graph.norm(x)
    weights = graph.add("Cast", "attention_mask", to=TensorProto.FLOAT)
    away = graph.add("Mul", graph.add("Sub", graph.number(1.0), weights), graph.number(-10_000.0))
    mask = graph.add("Unsqueeze", away, graph.ints(1, 2))
    for _ in range(LAYERS):
        x = graph.norm(graph.add("Add", x, graph.attention(x, mask)))
        fed = graph.linear(graph.gelu(graph.linear(x, HIDDEN, FEED)), FEED, HIDDEN)
        x = graph.norm(graph.add("Add", x, fed))
    column = graph.add("Unsqueeze", weights, graph.ints(-1))
    total = graph.add("ReduceSum", graph.add("Mul", x, column), graph.ints(1), keepdims=0)
    count = graph.add("ReduceSum", column, graph.ints(1), keepdims=0)
    graph.nodes.append(helper.make_node("Div", [total, count], ["embedding"]))
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
        for name in ("input_ids", "attention_mask")
    ]
    outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", HIDDEN])]
    made = helper.make_graph(graph.nodes, "sentence-embedding", inputs, outputs, graph.weights)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
