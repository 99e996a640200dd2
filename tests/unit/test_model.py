"""`inspect` tells what a model file says of itself, and what is wrong with one that is no good."""

from __future__ import annotations

import contextlib
import hashlib
import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from slsdeploy.bundle.model import inspect
from slsdeploy.bundle.sample import sample_inputs
from slsdeploy.errors import ProjectError
from slsdeploy.types import ModelInfo, Tensor


def make_model(*, opset: int = 17, ir_version: int = 8, weights: int = 4) -> Any:
    """Make y = x @ w for rows of `weights` numbers."""
    matrix = numpy_helper.from_array(np.ones((weights, 2), dtype=np.float32), "w")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", weights])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 2])
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [matrix])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)


def identity(value: Any, result: Any) -> Any:
    graph = helper.make_graph([helper.make_node("Identity", [value.name], [result.name])], "g", [value], [result])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"


def test_says_what_the_file_says(path: Path) -> None:
    onnx.save(make_model(), path)
    assert inspect(path) == ModelInfo(
        format="onnx",
        inputs=(Tensor("x", "FP32", (-1, 4)),),
        outputs=(Tensor("y", "FP32", (-1, 2)),),
        bytes=path.stat().st_size,
        operators=("MatMul",),
        opset=17,
        digest=hashlib.sha256(path.read_bytes()).hexdigest(),
        files=(path,),
        batch=-1,
        ir_version=8,
    )


def test_weights_listed_as_inputs_are_not_inputs(path: Path) -> None:
    model = make_model()
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [4, 2]))
    onnx.save(model, path)
    assert [tensor.name for tensor in inspect(path).inputs] == ["x"]


@pytest.mark.parametrize(
    ("element", "datatype"),
    [
        ("BOOL", "BOOL"),
        ("UINT8", "UINT8"),
        ("INT64", "INT64"),
        ("FLOAT16", "FP16"),
        ("DOUBLE", "FP64"),
        ("STRING", "BYTES"),
    ],
)
def test_datatypes_are_the_protocols(path: Path, element: str, datatype: str) -> None:
    kind = TensorProto.DataType.Value(element)
    onnx.save(
        identity(helper.make_tensor_value_info("a", kind, [3]), helper.make_tensor_value_info("b", kind, [3])), path
    )
    info = inspect(path)
    assert (info.inputs[0].datatype, info.outputs[0].datatype) == (datatype, datatype)


def test_an_output_without_a_shape_gets_the_one_that_onnxruntime_infers(path: Path) -> None:
    model = make_model()
    model.graph.output[0].type.tensor_type.ClearField("shape")
    onnx.save(model, path)
    assert inspect(path).outputs == (Tensor("y", "FP32", (-1, 2)),)


def test_operators_of_other_domains_and_of_inner_graphs_are_named(path: Path) -> None:
    model = make_model()
    scaler = helper.make_node("Scaler", ["y"], ["z"], domain="ai.onnx.ml", offset=[0.0], scale=[2.0])
    inner = helper.make_graph([helper.make_node("Relu", ["z"], ["r"])], "then", [], [_float("r")])
    other = helper.make_graph([helper.make_node("Abs", ["z"], ["s"])], "else", [], [_float("s")])
    true = helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.array(True)))
    branch = helper.make_node("If", ["c"], ["out"], then_branch=inner, else_branch=other)
    model.graph.node.extend([scaler, true, branch])
    model.graph.output[0].name = "out"
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 1))
    onnx.save(model, path)
    assert inspect(path).operators == ("Abs", "Constant", "If", "MatMul", "Relu", "ai.onnx.ml:Scaler")


def _float(name: str) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, None)


def save_with_external_data(path: Path) -> Path:
    onnx.save(make_model(weights=512), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    return path.parent / "weights.bin"


def test_external_data_is_counted_and_in_the_digest(path: Path) -> None:
    weights = save_with_external_data(path)
    before = inspect(path)
    assert before.files == (path, weights)
    assert before.bytes == path.stat().st_size + 512 * 2 * 4
    weights.write_bytes(b"\0" * weights.stat().st_size)
    assert inspect(path).digest != before.digest


def refusal(path: Path) -> ProjectError:
    with pytest.raises(ProjectError) as caught:
        inspect(path)
    assert caught.value.where == str(path)
    assert caught.value.hint
    return caught.value


def test_external_data_missing(path: Path) -> None:
    save_with_external_data(path).unlink()
    assert '"weights.bin", which is missing' in refusal(path).message


def test_external_data_cut_short(path: Path) -> None:
    weights = save_with_external_data(path)
    weights.write_bytes(weights.read_bytes()[:-1])
    assert "cut short: 4,095 bytes of 4,096" in refusal(path).message


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/hostname", ""])
def test_external_data_outside_the_folder(path: Path, location: str) -> None:
    save_with_external_data(path)
    model = onnx.load(path, load_external_data=False)
    model.graph.initializer[0].external_data[0].value = location
    path.write_bytes(model.SerializeToString())
    assert "outside its own folder" in refusal(path).message


def test_external_data_linked_from_outside(path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    weights = save_with_external_data(path)
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "weights.bin"
    weights.rename(elsewhere)
    weights.symlink_to(elsewhere)
    assert "outside its own folder" in refusal(path).message


def test_missing_names_what_is_there(path: Path) -> None:
    onnx.save(make_model(), path.with_name("iris.onnx"))
    error = refusal(path)
    assert error.message == "the model file does not exist"
    assert "iris.onnx" in error.hint


def test_folder(path: Path) -> None:
    path.mkdir()
    onnx.save(make_model(), path / "iris.onnx")
    error = refusal(path)
    assert error.message == "the model is a folder, not a file"
    assert "model.onnx/iris.onnx" in error.hint


def test_empty(path: Path) -> None:
    path.touch()
    assert refusal(path).message == "the model file is empty"


def test_larger_than_a_file_can_be(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**31)  # sparse
    assert "over 2 GiB" in refusal(path).message


def test_unreadable(path: Path) -> None:
    path.symlink_to(path)
    assert "cannot be read" in refusal(path).message


@pytest.mark.parametrize("keep", [0.3, 0.5, 0.9, 0.99])
def test_truncated(path: Path, keep: float) -> None:
    onnx.save(make_model(weights=4096), path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    assert "cut short" in refusal(path).message


def test_every_cut_of_a_small_model_is_refused(path: Path) -> None:
    content = make_model(weights=1).SerializeToString()
    for size in range(1, len(content)):
        path.write_bytes(content[:size])
        refusal(path)


def write_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"a": 1}))


def write_safetensors(path: Path) -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 4)


def write_torch(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", b"x")


@pytest.mark.parametrize(
    ("write", "looks_like", "hint"),
    [
        (write_pickle, "a Python pickle", "skl2onnx.to_onnx"),
        (write_safetensors, "a safetensors file", "optimum-cli export onnx"),
        (write_torch, "a PyTorch file", "torch.onnx.export"),
        (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 40), "a Keras or HDF5 file", "tf2onnx"),
        (
            lambda path: path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"),
            "a Git LFS pointer",
            "git lfs pull",
        ),
        (lambda path: path.write_bytes(b"<!DOCTYPE html><html>404</html>"), "a web page", "download"),
        (lambda path: path.write_bytes(b"PK\x03\x04 and then nothing"), "a zip archive", "unpack"),
        (lambda path: path.write_bytes(b'{"learner": {}}'), "a JSON file", "onnxmltools"),
    ],
)
def test_other_formats_are_recognised(path: Path, write: Callable[[Path], object], looks_like: str, hint: str) -> None:
    write(path)
    error = refusal(path)
    assert looks_like in error.message
    assert hint in error.hint


def test_text_is_not_onnx(path: Path) -> None:
    path.write_text("hello, this is no model at all\n")
    assert "not an ONNX file" in refusal(path).message


def test_opset_newer_than_onnxruntime(path: Path) -> None:
    onnx.save(make_model(opset=99), path)
    error = refusal(path)
    assert error.message.startswith(f"the model uses opset 99; onnxruntime {onnxruntime.__version__} knows up to ")
    newest = int(error.message.rsplit(" ", 1)[1])
    onnx.save(make_model(opset=newest), path)
    assert inspect(path).opset == newest


def test_file_version_newer_than_onnxruntime(path: Path) -> None:
    onnx.save(make_model(ir_version=99), path)
    assert "ONNX file version (IR) 99" in refusal(path).message


def test_damage_anywhere_is_refused_or_harmless_and_prints_nothing(
    path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content = make_model(weights=2).SerializeToString()
    for position in range(len(content)):
        for value in (0x00, 0x7F, 0xFF):
            path.write_bytes(content[:position] + bytes([value]) + content[position + 1 :])
            with contextlib.suppress(ProjectError):
                inspect(path)
    assert capfd.readouterr() == ("", "")


def test_unknown_operator(path: Path) -> None:
    model = make_model()
    model.graph.node[0].op_type = "MatMuul"
    onnx.save(model, path)
    message = refusal(path).message
    assert "MatMuul" in message
    assert "ONNXRuntimeError" not in message and str(path) not in message


def test_sequence_output_as_zipmap_makes_it(path: Path) -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])
    inner = helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    z = helper.make_value_info("probabilities", helper.make_sequence_type_proto(inner))
    node = helper.make_node("ZipMap", ["x"], ["probabilities"], domain="ai.onnx.ml", classlabels_int64s=[0, 1])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
    onnx.save(helper.make_model(helper.make_graph([node], "g", [x], [z]), opset_imports=opsets, ir_version=8), path)
    assert inspect(path).outputs == (Tensor("probabilities", "MAP<INT64,FP32>", (-1,)),)


def test_a_list_of_tensors_and_a_list_of_lists(path: Path) -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])
    parts = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    node = helper.make_node("SplitToSequence", ["x"], ["parts"], axis=0)
    opsets = [helper.make_opsetid("", 17)]
    graph = helper.make_graph([node], "g", [x], [helper.make_value_info("parts", parts)])
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    assert inspect(path).outputs == (Tensor("parts", "TENSOR<FP32>", (-1,)),)
    nested = helper.make_value_info("parts", helper.make_sequence_type_proto(parts))
    graph = helper.make_graph([node], "g", [x], [nested])
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    assert "is a list or map of neither tensors nor maps" in refusal(path).message


def test_an_input_must_be_a_tensor(path: Path) -> None:
    given = helper.make_value_info(
        "parts", helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, [2]))
    )
    node = helper.make_node("SequenceLength", ["parts"], ["count"])
    graph = helper.make_graph([node], "g", [given], [helper.make_tensor_value_info("count", TensorProto.INT64, [])])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    assert refusal(path).message == 'the model\'s input "parts" is a sequence, not a tensor'


def test_elements_that_cannot_be_sent(path: Path) -> None:
    kind = TensorProto.BFLOAT16
    onnx.save(
        identity(helper.make_tensor_value_info("a", kind, [3]), helper.make_tensor_value_info("b", kind, [3])), path
    )
    assert "elements of type BFLOAT16" in refusal(path).message


def test_sample_inputs_fit_the_signature() -> None:
    tensors = (
        Tensor("image", "FP32", (-1, 3, -1, -1)),
        Tensor("tokens", "INT64", (-1, -1)),
        Tensor("text", "BYTES", (2,)),
        Tensor("flag", "BOOL", ()),
    )
    sample = sample_inputs(ModelInfo("onnx", tensors, (), 0, (), 17, "", (), -1))
    assert np.shape(sample["image"]) == (1, 3, 32, 32)
    assert 0 <= np.min(sample["image"]) < np.max(sample["image"]) <= 1
    assert sample["tokens"] == [[1] * 8]
    assert sample["text"] == ["text", "text"]
    assert sample["flag"] is True
    json.dumps(sample)
