"""A model file -> the same model written anew, its weights inside or in one file beside it that onnxruntime maps into memory.

The bytes depend on the model alone: tensors and opsets are sorted, for onnxruntime writes them in the order of its own tables. A weight
begins at a multiple of its page or cache line, so that mapped memory is as aligned as allocated memory is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

from slsdeploy.bundle import model as models

LEAST_BYTES = 1024  # what is smaller is copied as fast as it is mapped
_PAGE, _LINE = 4096, 64
_BLOCK = 1024 * 1024


def file_of(main: Path) -> Path:
    """Return the file beside a model's main file that holds its weights."""
    return main.with_name(f"{main.name}.weights")


def rewrite(source: Path, target: Path, *, external: bool) -> None:
    """Write the model at `source` to `target`; with `external`, weights go to the file beside it."""
    import onnx

    model = onnx.load(source, load_external_data=False)
    # the graph's own weights come first
    for tensor in islice(models.tensors(model), len(model.graph.initializer) if external else 0, None):
        _embed(tensor, source.parent)
    initializers = sorted(model.graph.initializer, key=lambda tensor: str(tensor.name))
    if external:
        with file_of(target).open("wb") as stream:
            for tensor in initializers:
                _move(tensor, source.parent, stream, file_of(target).name)
    opsets = sorted(model.opset_import, key=lambda stamp: str(stamp.domain))
    _replace(model.graph.initializer, initializers)
    _replace(model.opset_import, opsets)
    target.write_bytes(model.SerializeToString(deterministic=True))
    if external and not file_of(target).stat().st_size:
        file_of(target).unlink()


def digest(files: list[Path], folder: Path) -> str:
    """Return the sha256 (hex) of one line for each file: `<sha256>  <path from the folder>`."""
    whole = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        whole.update(f"{content}  {file.relative_to(folder).as_posix()}\n".encode())
    return whole.hexdigest()


def _replace(field: Any, messages: list[Any]) -> None:
    copies = [type(message).FromString(message.SerializeToString()) for message in messages]
    del field[:]
    field.extend(copies)


def _embed(tensor: Any, folder: Path) -> None:
    """Bring in what a tensor keeps in another file."""
    import onnx

    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        content = b"".join(_content(tensor, folder))
        _forget_place(tensor)
        tensor.raw_data = content


def _move(tensor: Any, folder: Path, stream: IO[bytes], name: str) -> None:
    """Write a tensor's content to the stream and say in it where; a small one, or one of strings, is kept inside."""
    import onnx

    if tensor.data_type == onnx.TensorProto.STRING:
        return
    if tensor.data_location != onnx.TensorProto.EXTERNAL and not tensor.HasField("raw_data"):
        array = onnx.numpy_helper.to_array(tensor)  # numbers in fields of their own
        tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    size = _size(tensor, folder)
    if size < LEAST_BYTES:
        _embed(tensor, folder)
        return
    stream.write(b"\0" * (-stream.tell() % (_PAGE if size >= _PAGE else _LINE)))
    place = {"location": name, "offset": str(stream.tell()), "length": str(size)}
    for block in _content(tensor, folder):
        stream.write(block)
    _forget_place(tensor)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in place.items():
        tensor.external_data.add(key=key, value=value)


def _place(tensor: Any, folder: Path) -> tuple[Path, int, int]:
    """Return where a tensor's content is: the file, the offset, the length. https://onnx.ai/onnx/repo-docs/ExternalData.html."""
    entry = {item.key: item.value for item in tensor.external_data}
    file, offset = folder / entry["location"], int(entry.get("offset") or 0)
    return file, offset, int(entry.get("length") or file.stat().st_size - offset)


def _size(tensor: Any, folder: Path) -> int:
    return len(tensor.raw_data) if tensor.HasField("raw_data") else _place(tensor, folder)[2]


def _content(tensor: Any, folder: Path) -> Iterator[bytes]:
    """Yield a tensor's bytes."""
    if tensor.HasField("raw_data"):
        yield tensor.raw_data
        return
    file, offset, left = _place(tensor, folder)
    with file.open("rb") as stream:
        stream.seek(offset)
        while left:
            block = stream.read(min(_BLOCK, left))
            if not block:
                raise OSError(f"{file} is cut short")
            left -= len(block)
            yield block


def _forget_place(tensor: Any) -> None:
    tensor.ClearField("external_data")
    tensor.ClearField("data_location")
