"""What a file that is not ONNX seems to be, told by its first bytes, and how to get ONNX from it; for the hint of an error."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HEAD = 4096


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file: what to call it, how its first bytes are told, and what gives ONNX."""

    name: str
    matches: Callable[[bytes], bool]
    hint: str


_TORCH = "export it with torch.onnx.export(model, example_input, 'model.onnx')"
_SKLEARN = (
    "if it is scikit-learn, export it with skl2onnx.to_onnx(model, X[:1], options={'zipmap': False}); "
    "if it is PyTorch, with torch.onnx.export(model, example_input, 'model.onnx')"
)
_TRANSFORMERS = "export the model it came from with `optimum-cli export onnx --model NAME FOLDER`, or torch.onnx.export"
_KERAS = "export it with model.export('model.onnx', format='onnx'), or tf2onnx"
_UNPACK = "unpack it and name the .onnx file inside"


def _starts(*prefixes: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(prefixes)


def _is_safetensors(head: bytes) -> bool:
    # https://huggingface.co/docs/safetensors: 8 bytes of header size, little-endian, then JSON
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 100_000_000


# In this order: the specific before the general.
_FORMATS = (
    Format(
        "a Git LFS pointer, not the model itself",
        _starts(b"version https://git-lfs.github.com/spec"),
        "fetch the file with `git lfs pull`",
    ),
    Format(
        "a web page", lambda head: head.lstrip()[:15].lower().startswith((b"<!doctype", b"<html")), "download it again"
    ),
    Format("a safetensors file (weights without a graph)", _is_safetensors, _TRANSFORMERS),
    Format("a GGUF file", _starts(b"GGUF"), _TRANSFORMERS),
    Format("a Keras or HDF5 file", _starts(b"\x89HDF\r\n"), _KERAS),
    Format(
        "a TensorFlow Lite model", lambda head: head[4:8] == b"TFL3", "export it with tf2onnx: `--tflite model.tflite`"
    ),
    Format(
        "an onnxruntime flatbuffer (.ort)", lambda head: head[4:8] == b"ORTM", "name the .onnx file it was made from"
    ),
    Format("a NumPy array", _starts(b"\x93NUMPY"), "name the .onnx file"),
    Format("a CatBoost model", _starts(b"CBM1"), "export it with model.save_model('model.onnx', format='onnx')"),
    Format("a LightGBM model", _starts(b"tree\nversion"), "export it with onnxmltools.convert_lightgbm"),
    Format(
        "a JSON file", lambda head: head.lstrip()[:1] in (b"{", b"["), "if it is XGBoost, export it with onnxmltools"
    ),
    # protocol 2 and later begin with PROTO: https://docs.python.org/3/library/pickletools.html
    Format("a Python pickle", lambda head: head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05", _SKLEARN),
    Format("a zlib-compressed file, as joblib writes", _starts(b"\x78\x01", b"\x78\x9c", b"\x78\xda"), _SKLEARN),
    Format("a compressed file", _starts(b"\x1f\x8b", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"BZh"), _UNPACK),
)


def recognise(path: Path) -> Format | None:
    """Return what the file seems to be, or None when it is nothing that is known here."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head.startswith(b"PK\x03\x04"):
        return _archive(path)
    return next((known for known in _FORMATS if known.matches(head)), None)


def _archive(path: Path) -> Format:
    """Tell the zip files apart: PyTorch, Keras, NumPy, any other."""
    try:
        names = zipfile.ZipFile(io.BytesIO(path.read_bytes())).namelist()
    except zipfile.BadZipFile:
        names = []
    if any(name.endswith("data.pkl") for name in names):
        return Format("a PyTorch file (.pt)", bool, _TORCH)
    if "model.weights.h5" in names:
        return Format("a Keras model", bool, _KERAS)
    if names and all(name.endswith(".npy") for name in names):
        return Format("a NumPy archive (.npz)", bool, "name the .onnx file")
    return Format("a zip archive", bool, _UNPACK)


def describe_folder(path: Path) -> str:
    """Return a hint for a folder given where a model file is expected."""
    models = sorted(found.name for found in path.glob("*.onnx"))
    if models:
        return f"name the file in it: {path.name}/{models[0]}" + (
            f" (or {', '.join(models[1:4])})" if models[1:] else ""
        )
    if (path / "saved_model.pb").exists():
        return (
            f"it is a TensorFlow SavedModel: `python -m tf2onnx.convert --saved-model {path.name} --output model.onnx`"
        )
    if (path / "config.json").exists():
        return f"if it is a Hugging Face model: `optimum-cli export onnx --model {path.name} FOLDER`"
    return "name the .onnx file itself"
