"""The Open Inference Protocol's binary tensor extension: tensors as raw bytes behind the JSON, in both directions.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
The JSON's length is in the header `Inference-Header-Content-Length`; numbers are little-endian and in row order, each text has its length
(four bytes) before it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from slsdeploy_runtime.decode import DTYPES, Array
from slsdeploy_runtime.json_text import to_json
from slsdeploy_runtime.manifest import Tensor
from slsdeploy_runtime.request import BadInput, mismatch

HEADER = "inference-header-content-length"
NAME = "binary_tensor_data"  # as `GET /v2` lists it among the extensions


class Tail:
    """The bytes behind a request's JSON, taken by one tensor after the other."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def take(self, size: Any, field: str) -> bytes:
        """Return the next `size` bytes. Raises BadInput when there are not so many."""
        left = len(self._raw) - self._at
        if type(size) is not int or not 0 <= size <= left:
            raise mismatch(
                f"{field}.parameters.binary_data_size", repr(size)[:60], f"0 to {left}, the bytes that are left"
            )
        self._at += size
        return self._raw[self._at - size : self._at]

    def finish(self) -> None:
        """Raise BadInput when there are bytes that no tensor took."""
        if self._at < len(self._raw):
            left = len(self._raw) - self._at
            raise mismatch("body", f"{left} bytes behind the last tensor", "as many as binary_data_size says")


def split(body: bytes, headers: Mapping[str, str]) -> tuple[bytes, Tail]:
    """Part a body into its JSON and what is behind it. Raises BadInput."""
    length = headers.get(HEADER)
    if length is None:
        return body, Tail(b"")
    if not (length.isascii() and length.isdigit() and len(length) < 20 and int(length) <= len(body)):
        raise mismatch(
            "Inference-Header-Content-Length", repr(length)[:60], f"0 to {len(body)}, the length of the body"
        )
    return body[: int(length)], Tail(body[int(length) :])


def join(answer: Mapping[str, Any]) -> tuple[bytes, int] | None:
    """Put the raw tensors of an answer (see `pack`) behind its JSON; with the JSON's length. None when it has none."""
    raw = [entry["data"] for entry in answer["outputs"] if isinstance(entry["data"], bytes)]
    if not raw:
        return None
    outputs = [
        {key: value for key, value in entry.items() if not isinstance(value, bytes)} for entry in answer["outputs"]
    ]
    document = to_json({**answer, "outputs": outputs})
    return b"".join([document, *raw]), len(document)


def unpack(raw: bytes, tensor: Tensor, field: str) -> Array:
    """Turn raw bytes into a flat array of the tensor's datatype. Raises BadInput."""
    if tensor.datatype == "BYTES":
        return np.array(_texts(raw, field), dtype=object)
    dtype = DTYPES[tensor.datatype]
    if len(raw) % dtype.itemsize:
        raise mismatch(field, f"{len(raw)} bytes", f"a multiple of {dtype.itemsize} ({tensor.datatype})")
    # copied: a slice of the body may be misaligned, and a user's predict may want to write
    return np.frombuffer(raw, dtype.newbyteorder("<")).astype(dtype)


def pack(array: Array) -> bytes:
    """Turn an array into raw bytes."""
    if array.dtype.kind in "OUS":
        texts = [text if isinstance(text, bytes) else str(text).encode() for text in array.ravel()]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _texts(raw: bytes, field: str) -> list[str]:
    texts, at = [], 0
    while at < len(raw):
        end = at + 4 + (struct.unpack_from("<I", raw, at)[0] if at + 4 <= len(raw) else len(raw))
        if end > len(raw):
            raise mismatch(field, f"a text cut off at byte {at}", "four bytes of length, then as many bytes of text")
        try:
            texts.append(raw[at + 4 : end].decode())
        except UnicodeDecodeError:
            raise BadInput(f"{field}: the text at byte {at} is not UTF-8", field=field) from None
        at = end
    return texts
