"""An .onnx file -> ModelInfo: its signature, size, operators, digest and files; or an error that says what is wrong with it.

The file is read as ONNX first, so that what is wrong can be told apart, then loaded by onnxruntime, which has the last word.
Both are imported when a model is inspected and not before: they are slow to import.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slsdeploy.bundle import acceptance, external_data, foreign
from slsdeploy.bundle.workers import workers
from slsdeploy.errors import ExternalDataError, ProjectError
from slsdeploy.types import ModelInfo, Tensor
from slsdeploy_runtime import digests, records

# onnx.TensorProto's types in the words of the Open Inference Protocol:
# https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md#tensor-data-types
_DATATYPES = {
    "BOOL": "BOOL",
    "UINT8": "UINT8",
    "UINT16": "UINT16",
    "UINT32": "UINT32",
    "UINT64": "UINT64",
    "INT8": "INT8",
    "INT16": "INT16",
    "INT32": "INT32",
    "INT64": "INT64",
    "FLOAT16": "FP16",
    "FLOAT": "FP32",
    "DOUBLE": "FP64",
    "STRING": "BYTES",
}
# A serialised protocol buffer's: https://onnx.ai/onnx/repo-docs/ExternalData.html
_LARGEST = 2**31 - 1
_DEFAULT_DOMAINS = ("", "ai.onnx")
_REEXPORT = "copy or export the model again"


def inspect(path: Path) -> ModelInfo:
    """Read what a model says of itself and make sure that onnxruntime loads it.

    `digest` is the sha256 of the file, or, with external data, of the lines `<sha256>  <file name>` of all its files.
    `opset` is the default domain's (0 when the model uses none of its operators).
    Raises ProjectError when the file is missing, not ONNX, damaged, or not for this onnxruntime.
    """
    model = _read(path)
    inputs = tuple(_tensor(value, "input", path) for value in _fed(model.graph))
    outputs = tuple(_tensor(value, "output", path) for value in model.graph.output)
    files = (path, *_external(model, path))
    opsets = {stamp.domain: stamp.version for stamp in model.opset_import}
    acceptance.check_stamps(opsets, model.ir_version, path)
    with workers(1) as threads:  # both take long for a large model, on another core each
        digest = threads.begin_one(_digest, files)
        outputs = acceptance.load(path, outputs)
    return ModelInfo(
        format="onnx",
        inputs=inputs,
        outputs=outputs,
        bytes=sum(file.stat().st_size for file in files),
        operators=_operators(model),
        opset=next((opsets[domain] for domain in _DEFAULT_DOMAINS if domain in opsets), 0),
        ml_opset=opsets.get("ai.onnx.ml", 0),
        ir_version=model.ir_version,
        digest=digest.result(),
        files=files,
        batch=records.batch(inputs, outputs, _leading_names(model.graph)),
    )


def _read(path: Path) -> Any:
    """Parse the file without its external data."""
    import onnx

    content = _content(path)
    try:
        model = onnx.ModelProto.FromString(content)
    except Exception:  # protobuf's DecodeError: onnx gives it no name of its own
        raise _not_onnx(path, content) from None
    if not model.graph.node and not model.graph.output:
        raise _not_onnx(path, content)
    if not model.opset_import:
        raise ProjectError("the model is cut short: it does not say which opset it uses", _REEXPORT, str(path))
    return model


def _content(path: Path) -> bytes:
    if path.is_dir():
        raise ProjectError("the model is a folder, not a file", foreign.describe_folder(path), str(path))
    try:
        if path.stat().st_size > _LARGEST:
            message = "the model file is over 2 GiB, more than ONNX can hold in one file"
            raise ProjectError(
                message,
                "save it with its weights beside it: onnx.save_model(..., save_as_external_data=True)",
                str(path),
            )
        content = path.read_bytes()
    except FileNotFoundError:
        raise ProjectError("the model file does not exist", _nearby(path), str(path)) from None
    except OSError as error:
        hint = "the file and the folders above it must be readable"
        raise ProjectError(f"the model file cannot be read: {error.strerror}", hint, str(path)) from error
    if not content:
        raise ProjectError("the model file is empty", _REEXPORT, str(path))
    return content


def _nearby(path: Path) -> str:
    folder = path.parent
    found = sorted(file.name for file in folder.glob("*.onnx")) if folder.is_dir() else []
    return f"in that folder there is {', '.join(found[:4])}" if found else "copy the model there, or correct `model`"


def _not_onnx(path: Path, content: bytes) -> ProjectError:
    known = foreign.recognise(path)
    if known:
        return ProjectError(f"the model is not ONNX: it looks like {known.name}", known.hint, str(path))
    # A serialised ModelProto begins with field 1 (ir_version): https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
    if content[0] == 0x08:
        return ProjectError(f"the model is cut short or damaged ({len(content):,} bytes)", _REEXPORT, str(path))
    return ProjectError("the model is not an ONNX file", "export the model to ONNX", str(path))


def _fed(graph: Any) -> list[Any]:
    """Return the inputs that a caller gives: before IR version 4, a graph lists its weights as inputs too."""
    weights = {weight.name for weight in graph.initializer}
    return [value for value in graph.input if value.name not in weights]


def _tensor(value: Any, role: str, path: Path) -> Tensor:

    kind = value.type.WhichOneof("value")
    if kind in ("sequence_type", "map_type") and role == "output":
        return _structured(value, path)
    if kind != "tensor_type":
        found = (kind or "unknown").removesuffix("_type")
        message = f'the model\'s {role} "{value.name}" is a {found}, not a tensor'
        raise ProjectError(message, "export the model so that it is a tensor", str(path))
    tensor = value.type.tensor_type
    datatype = _datatype(tensor.elem_type, f'{role} "{value.name}"', path)
    if not tensor.HasField("shape"):
        if role == "input":
            message = f'the model does not say how many dimensions its input "{value.name}" has'
            raise ProjectError(message, "give the input a shape when exporting; sizes may be dynamic", str(path))
        return Tensor(value.name, datatype, (-1,))
    return Tensor(value.name, datatype, tuple(_size(dimension) for dimension in tensor.shape.dim))


def _datatype(element: int, whose: str, path: Path) -> str:
    import onnx

    names = {number: name for name, number in onnx.TensorProto.DataType.items()}
    name = names.get(element, str(element))
    if name not in _DATATYPES:
        message = f"the model's {whose} has elements of type {name}, which cannot be sent"
        raise ProjectError(message, f"cast it inside the model to one of {', '.join(_DATATYPES)}", str(path))
    return _DATATYPES[name]


def _structured(value: Any, path: Path) -> Tensor:
    """Read an output that is a map, a list of maps or a list of tensors, in the words of slsdeploy_runtime/structures.py."""
    whose, inner = f'output "{value.name}"', value.type
    shape: tuple[int, ...] = ()
    if inner.WhichOneof("value") == "sequence_type":
        shape, inner = (-1,), inner.sequence_type.elem_type
    kind = inner.WhichOneof("value")
    if kind == "tensor_type":
        return Tensor(value.name, f"TENSOR<{_datatype(inner.tensor_type.elem_type, whose, path)}>", shape)
    if kind == "map_type" and inner.map_type.value_type.WhichOneof("value") == "tensor_type":
        key = _datatype(inner.map_type.key_type, whose, path)
        element = _datatype(inner.map_type.value_type.tensor_type.elem_type, whose, path)
        return Tensor(value.name, f"MAP<{key},{element}>", shape)
    message = f"the model's {whose} is a list or map of neither tensors nor maps"
    raise ProjectError(message, "export the model so that it is a tensor, or a list of tensors or maps", str(path))


def _size(dimension: Any) -> int:
    # A dynamic dimension has a name or nothing; old exporters write 0 or -1.
    is_fixed = dimension.WhichOneof("value") == "dim_value" and dimension.dim_value > 0
    return int(dimension.dim_value) if is_fixed else -1


def _leading_names(graph: Any) -> set[str]:
    """Return the names that the first dimensions of the inputs have; most have none."""
    first = [value.type.tensor_type.shape.dim[:1] for value in _fed(graph)]
    return {dimension.dim_param for dimensions in first for dimension in dimensions if dimension.dim_param}


def _graphs(graph: Any) -> Iterator[Any]:
    """Yield a graph (or function) and those inside its nodes, as If and Loop have them."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _graphs(inner)


def all_graphs(model: Any) -> Iterator[Any]:
    """Yield the graphs of a model, the main one first, and the bodies of its functions."""
    for start in (model.graph, *model.functions):
        yield from _graphs(start)


def tensors(model: Any) -> Iterator[Any]:
    """Yield every constant that the model holds: any of them may be kept outside."""
    for graph in all_graphs(model):
        yield from getattr(graph, "initializer", ())
        for sparse in getattr(graph, "sparse_initializer", ()):
            yield from (sparse.values, sparse.indices)
        for node in graph.node:
            for attribute in node.attribute:
                yield from (*([attribute.t] if attribute.HasField("t") else []), *attribute.tensors)


def external_files(path: Path) -> list[str]:
    """Return the names, relative to the model's folder, of the files that hold its weights; whether they are there is not looked at.

    Raises ProjectError as `inspect` does.
    """
    return sorted(external_data.ends(tensors(_read(path))))


def external_problems(path: Path) -> list[ExternalDataError]:
    """Return everything that is wrong with the files that hold the weights of a model, which can be read itself."""
    return external_data.problems(path, tensors(_read(path)))


def _external(model: Any, path: Path) -> list[Path]:
    """Return the other files, each once, in the order of their names: as whoever finds them beside the model would tell them."""
    for problem in external_data.problems(path, tensors(model)):
        raise problem
    found = {external_data.file(path, location) for location in external_data.ends(tensors(model))}
    return sorted(found, key=lambda file: file.relative_to(path.parent).as_posix())


def _operators(model: Any) -> tuple[str, ...]:
    own = {function.domain for function in model.functions}
    nodes = [node for graph in all_graphs(model) for node in graph.node if node.domain not in own]
    names = {node.op_type if node.domain in _DEFAULT_DOMAINS else f"{node.domain}:{node.op_type}" for node in nodes}
    return tuple(sorted(names))


def _digest(files: tuple[Path, ...]) -> str:
    folder = files[0].parent
    return digests.of_files([(file.relative_to(folder).as_posix(), digests.of_file(file)) for file in files])
