"""Tiny bundles for the runtime's tests: ONNX models made of a few operators, and the manifest beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from slsdeploy_runtime import digests, records
from slsdeploy_runtime.manifest import Tensor

FORMAT = "slsdeploy_runtime.formats.onnx"
DIRECT = {"module": "slsdeploy_runtime.events.direct", "name": "Direct", "options": {}}
TYPES = {
    "BOOL": TensorProto.BOOL,
    **{f"INT{bits}": getattr(TensorProto, f"INT{bits}") for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": getattr(TensorProto, f"UINT{bits}") for bits in (8, 16, 32, 64)},
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}

Shape = Sequence[int]
Tensors = Mapping[str, tuple[str, Shape]]


def double(shape: Shape = (-1, 2), name: str = "double") -> tuple[onnx.ModelProto, Tensors, Tensors]:
    """y = 2 x."""
    nodes = [helper.make_node("Add", ["x", "x"], ["y"])]
    return _model(name, nodes, {"x": ("FP32", shape)}, {"y": ("FP32", shape)})


def divide() -> tuple[onnx.ModelProto, Tensors, Tensors]:
    """quotient = a / b and total = a + b, row by row."""
    nodes = [helper.make_node("Div", ["a", "b"], ["quotient"]), helper.make_node("Add", ["a", "b"], ["total"])]
    shape = ("FP32", (-1,))
    return _model("divide", nodes, {"a": shape, "b": shape}, {"quotient": shape, "total": shape})


def lookup() -> tuple[onnx.ModelProto, Tensors, Tensors]:
    """row = table[index]; an index beyond 2 is refused by the operator, not by the signature."""
    table = helper.make_tensor("table", TensorProto.FLOAT, [3, 2], [0.0, 0.5, 1.0, 1.5, 2.0, 2.5])
    nodes = [helper.make_node("Gather", ["table", "index"], ["row"])]
    return _model("lookup", nodes, {"index": ("INT64", (-1,))}, {"row": ("FP32", (-1, 2))}, [table])


def total() -> tuple[onnx.ModelProto, Tensors, Tensors]:
    """sum = all rows of x added up: one row however many there are."""
    nodes = [helper.make_node("ReduceSum", ["x", "axes"], ["sum"], keepdims=0)]
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [0])
    return _model("total", nodes, {"x": ("FP32", (-1, 2))}, {"sum": ("FP32", (2,))}, [axes])


def slow(products: int = 200) -> tuple[onnx.ModelProto, Tensors, Tensors]:
    """y = x to a high power: the larger x is, the longer it takes."""
    names = ["x", *(f"h{index}" for index in range(1, products)), "y"]
    nodes = [helper.make_node("MatMul", [before, "x"], [after]) for before, after in pairwise(names)]
    return _model("slow", nodes, {"x": ("FP32", (-1, -1))}, {"y": ("FP32", (-1, -1))})


def heavy(name: str, width: int = 1000, layers: int = 10) -> tuple[onnx.ModelProto, Tensors, Tensors]:
    """y = x, by products with matrices that make 4 MB of weights each: the first entry of y is the sum of x."""
    matrices = [np.eye(width, dtype=np.float32) for _ in range(layers)]
    matrices[0][:, 0] = 1
    for index, matrix in enumerate(matrices):
        matrix[-1, -1] = index  # onnxruntime keeps equal ones once
    weights = [numpy_helper.from_array(matrix, f"w{index}") for index, matrix in enumerate(matrices)]
    names = ["x", *(f"h{index}" for index in range(1, layers)), "y"]
    nodes = [helper.make_node("MatMul", [a, f"w{index}"], [b]) for index, (a, b) in enumerate(pairwise(names))]
    return _model(name, nodes, {"x": ("FP32", (-1, width))}, {"y": ("FP32", (-1, width))}, weights)


def wide(width: int = 1000) -> tuple[onnx.ModelProto, Tensors, Tensors]:
    """y = x times so many random numbers: an answer far larger than its request."""
    weights = np.random.default_rng(0).standard_normal((1, width)).astype(np.float32)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    tensors: tuple[Tensors, Tensors] = {"x": ("FP32", (-1, 1))}, {"y": ("FP32", (-1, width))}
    return _model("wide", nodes, *tensors, [numpy_helper.from_array(weights, "w")])


def same(datatype: str, shape: Shape = (-1,)) -> tuple[onnx.ModelProto, Tensors, Tensors]:
    """out = in, of any datatype."""
    nodes = [helper.make_node("Identity", ["in"], ["out"])]
    return _model("same", nodes, {"in": (datatype, shape)}, {"out": (datatype, shape)})


def write(
    root: Path,
    *models: tuple[onnx.ModelProto, Tensors, Tensors],
    handler: str | None = None,
    application: str = "",
    events: Sequence[Mapping[str, Any]] = (),
    secrets: Mapping[str, Mapping[str, str]] | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    **more: Any,
) -> Path:
    """Write a bundle as the build lays it out (models in a layer); return its task folder.

    `handler` is the module's text, `application` the ASGI application in it; `settings` are further keys of each model's entry,
    `more` those of the manifest.
    """
    settings = settings or {}
    task, opt = root / "task", root / "opt"
    task.mkdir(parents=True)
    entries = []
    for proto, inputs, outputs in models or [double()]:
        name = proto.graph.name
        path = Path("models") / name / f"{name}.onnx"
        (opt / path).parent.mkdir(parents=True)
        onnx.save(proto, opt / path)
        where = {"name": name, "version": "1", "format": FORMAT, "root": "opt", "path": str(path)}
        size = (opt / path).stat().st_size
        loading: dict[str, Any] = {
            "session": {},
            "load": "eager",
            "timeout": None,
            "fallback": None,
            "remote": None,
            "max_batch": None,
            "verify": False,
        }
        signature: dict[str, Any] = {
            "inputs": _entries(inputs),
            "outputs": _entries(outputs),
            "batch": _batch(inputs, outputs),
        }
        entries.append(
            {
                **where,
                "digest": digests.of_file(opt / path),
                "made": "",
                "bytes": size,
                **signature,
                **loading,
                **settings.get(name, {}),
            }
        )
    if handler is not None:
        (task / "handler.py").write_text(handler, encoding="utf-8")
    manifest = {
        "schema": 2,
        "name": f"{root.parent.name}-{root.name}",  # one per test: Powertools keeps a logger per service
        "stage": "dev",
        "models": entries,
        "handler": None if handler is None else f"handler:{application}" if application else "handler",
        "events": [*events, DIRECT],
        "secrets": secrets or {},
        "output": None,
        "model_memory": None,
        "snap_start": False,
        **more,
    }
    (task / "slsdeploy.json").write_text(json.dumps(manifest), encoding="utf-8")
    return task


def event(source: str, name: str = "", **options: Any) -> dict[str, Any]:
    """Return a manifest's entry of an event source."""
    return {
        "module": f"slsdeploy_runtime.events.{source}",
        "name": name or f"{source.title()}Trigger",
        "options": {"type": source, **options},
    }


def _model(
    name: str, nodes: Sequence[Any], inputs: Tensors, outputs: Tensors, constants: Sequence[Any] = ()
) -> tuple[onnx.ModelProto, Tensors, Tensors]:
    graph = helper.make_graph(nodes, name, _values(inputs), _values(outputs), list(constants))
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(proto)
    return proto, inputs, outputs


def _values(tensors: Tensors) -> list[Any]:
    return [
        helper.make_tensor_value_info(name, TYPES[datatype], [None if size == -1 else size for size in shape])
        for name, (datatype, shape) in tensors.items()
    ]


def _entries(tensors: Tensors) -> list[dict[str, Any]]:
    return [{"name": name, "datatype": kind, "shape": list(shape)} for name, (kind, shape) in tensors.items()]


def zipmap(keys: Sequence[int] | Sequence[str] = (0, 1)) -> tuple[onnx.ModelProto, Tensors, Tensors]:
    """label = the larger of x's columns, probabilities = x as a list of maps: what scikit-learn's export makes."""
    texts = isinstance(keys[0], str)
    attribute = {"classlabels_strings" if texts else "classlabels_int64s": list(keys)}
    nodes = [
        helper.make_node("ArgMax", ["x"], ["label"], axis=1, keepdims=0),
        helper.make_node("ZipMap", ["x"], ["probabilities"], domain="ai.onnx.ml", **attribute),
    ]
    inner = helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    kind = helper.make_map_type_proto(TensorProto.STRING if texts else TensorProto.INT64, inner)
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
        helper.make_value_info("probabilities", helper.make_sequence_type_proto(kind)),
    ]
    return _listed(
        "zipmap",
        nodes,
        outputs,
        {"label": ("INT64", (-1,)), "probabilities": (f"MAP<{'BYTES' if texts else 'INT64'},FP32>", (-1,))},
    )


def split(even: bool = True) -> tuple[onnx.ModelProto, Tensors, Tensors]:
    """parts = a list of x's rows; or of its first row and all others."""
    given = ["x"] if even else ["x", "sizes"]
    nodes = [
        helper.make_node("Constant", [], ["sizes"], value=helper.make_tensor("c", TensorProto.INT64, [2], [1, 2])),
        helper.make_node("SplitToSequence", given, ["parts"], axis=0),
    ]
    inner = helper.make_tensor_type_proto(TensorProto.FLOAT, [None, 2])
    outputs = [helper.make_value_info("parts", helper.make_sequence_type_proto(inner))]
    return _listed("split", nodes if not even else nodes[1:], outputs, {"parts": ("TENSOR<FP32>", (-1,))})


def _listed(
    name: str, nodes: Sequence[Any], outputs: Sequence[Any], signature: Tensors
) -> tuple[onnx.ModelProto, Tensors, Tensors]:
    inputs: Tensors = {"x": ("FP32", (-1, 2))}
    graph = helper.make_graph(nodes, name, _values(inputs), outputs)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9), inputs, signature


def _batch(inputs: Tensors, outputs: Tensors) -> int:
    first, second = (
        [Tensor(name, kind, tuple(shape)) for name, (kind, shape) in each.items()] for each in (inputs, outputs)
    )
    return records.batch(first, second, ())
