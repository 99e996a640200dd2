"""Projects for the preflight's rules: small models, large ones that take no room on the disk, handlers."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path

import onnx

from slsdeploy.config import FILE
from tests import wheelhouse
from tests.building import save_model

MB = 1024**2


def write(root: Path, toml: str, files: Mapping[str, str] | None = None) -> None:
    """Write slsdeploy.toml and text files; beside them iris.onnx, a small model of rows of two numbers, x in and y out."""
    save_model(root / "iris.onnx")
    for path, text in {FILE: toml, **(files or {})}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")


def write_fast(root: Path) -> None:
    """Write a project on arm64 whose handler imports fast, a package that the fixture's index has."""
    toml = 'name = "iris"\nmodel = "iris.onnx"\narchitecture = "arm64"\n'
    handler = "import fast\n\ndef postprocess(outputs):\n    return outputs\n"
    write(root, toml, {"handler.py": handler, "requirements.txt": "fast\n"})


def add_fast(index: Path, content: bytes) -> None:
    """Add that package, with this as a shared object in it, in a wheel that is for all machines."""
    wheelhouse.add_wheel(index, "fast", files={"fast/__init__.py": b"", "fast/_core.abi3.so": content})


def large_model(path: Path, megabytes: int) -> None:
    """Write a model whose weights are so large, all zero, in a sparse file beside it."""
    width = megabytes * MB // 4
    weights = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[width, 1])
    weights.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", f"{path.stem}.data"), ("offset", "0"), ("length", str(4 * width))):
        weights.external_data.add(key=key, value=value)
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, width])
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, 1])
    graph = onnx.helper.make_graph([onnx.helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [weights])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    with path.with_suffix(".data").open("wb") as file:
        file.truncate(4 * width)


def wide_model(path: Path, *row: int) -> None:
    """Write a model that gives back what it takes: rows of that shape."""
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, *row])
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, *row])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "g", [x], [y])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)


def measure(root: Path, **measured: float) -> None:
    """Say in the record of the last build that its model was measured so."""
    record = root / ".slsdeploy/dev/bundle/bundle.json"
    document = json.loads(record.read_text())
    (preparation,) = document["bundle"]["preparations"]
    row = {"session_ms": 10.0, "first_ms": 1.0, "warm_ms": 1.0, "resident_mb": 100.0, "bytes": 1000}
    preparation["measured"] = [{"candidate": preparation["choice"], **row, **measured}]
    record.write_text(json.dumps(document))
