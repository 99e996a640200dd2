"""Bodies compressed with gzip or deflate: read within a bound, and written for a caller that takes them.

Imported only for a caller that says Content-Encoding, and for an answer that is large enough.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping

from slsdeploy_runtime.request import BadInput, mismatch

# A body of 6 MB may unpack to 6 GB. Decoded JSON takes up to twenty times its text as Python's objects.
MOST_BYTES = 60 * 1024 * 1024
SHARE_OF_MEMORY = 16
LEVEL = 1  # 6 takes three times as long for a twentieth less (JSON of random numbers)
_GZIP, _ZLIB, _RAW = 31, 15, -15  # zlib's window bits, which say what is around the stream
_READERS = {"gzip": (_GZIP,), "x-gzip": (_GZIP,), "deflate": (_ZLIB, _RAW)}  # some senders' deflate lacks its header
_BLOCK = 1024 * 1024


class UnknownEncoding(BadInput):
    """The body is compressed in a way that is not read here (a 415)."""


class TooLarge(BadInput):
    """The body unpacks to more than is taken (a 413)."""


def limit() -> int:
    """Return how many bytes a body may unpack to: a share of the function's memory."""
    memory = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    return min(MOST_BYTES, int(memory) * 1024 * 1024 // SHARE_OF_MEMORY) if memory else MOST_BYTES


def unpacked(body: bytes, encoding: str) -> bytes:
    """Decompress a body. Raises UnknownEncoding, TooLarge, BadInput for one that is not what it says it is."""
    for name in reversed([part.strip().lower() for part in encoding.split(",")]):
        if name in ("", "identity"):
            continue
        if name not in _READERS:
            raise UnknownEncoding(
                f"Content-Encoding: found {name[:40]}, expected gzip or deflate",
                field="Content-Encoding",
                found=name[:40],
                expected="gzip or deflate",
            )
        body = _unpack(body, name)
    return body


def _unpack(body: bytes, name: str) -> bytes:
    failure = ""
    for bits in _READERS[name]:
        try:
            return _inflate(body, bits)
        except zlib.error as error:
            failure = failure or str(error)
    raise mismatch("body", f"what is not {name} ({failure})", f"{name}, as Content-Encoding says")


def _inflate(body: bytes, bits: int) -> bytes:
    most, stream, parts, size = limit(), zlib.decompressobj(bits), [], 0
    while body and not stream.eof:
        part = stream.decompress(body, _BLOCK)
        body = stream.unconsumed_tail
        size += len(part)
        if size > most:
            raise TooLarge(
                f"the body unpacks to more than {most} bytes", field="body", expected=f"{most} bytes at most"
            )
        parts.append(part)
        if not body:
            parts.append(stream.flush())
    if not stream.eof:
        raise zlib.error("it is cut off")
    if stream.unused_data and bits == _GZIP:  # gzip's members may follow each other
        raise zlib.error("there is more behind it")
    return b"".join(parts)


def accepted(headers: Mapping[str, str]) -> str:
    """Return the better of gzip and deflate that Accept-Encoding takes, or "".

    https://www.rfc-editor.org/rfc/rfc9110.html#name-accept-encoding
    """
    weights: dict[str, float] = {}
    for part in headers.get("accept-encoding", "").lower().split(","):
        name, _, parameter = part.partition(";")
        try:
            weights[name.strip()] = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            weights[name.strip()] = 0.0
    best = max(("gzip", "deflate"), key=lambda name: weights.get(name, weights.get("*", 0.0)))
    return best if weights.get(best, weights.get("*", 0.0)) > 0 else ""


def packed(body: bytes, encoding: str) -> bytes:
    """Compress a body; the same body to the same bytes."""
    stream = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP if encoding == "gzip" else _ZLIB)
    return stream.compress(body) + stream.flush()
