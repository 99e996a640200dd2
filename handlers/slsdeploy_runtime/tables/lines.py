"""A stream of bytes -> blocks of whole lines, with the number of the first; a line that is too long is left out and told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from slsdeploy_runtime.json_text import BOM
from slsdeploy_runtime.request import BadInput, mismatch
from slsdeploy_runtime.tables import PORTION_BYTES

MAX_LINE = 6 * 1024 * 1024  # a line is a request: Lambda takes no larger ones
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class Block(NamedTuple):
    """Whole lines, the last one of a file perhaps without its end; or, with `error`, one line that nobody holds."""

    first: int
    text: bytes
    error: BadInput | None = None


def blocks(stream: BinaryIO) -> Iterator[Block]:
    """Divide a stream into blocks of about a portion. Raises BadInput for text in UTF-16."""
    line, rest = 1, b""
    data = stream.read(PORTION_BYTES)
    if data.startswith(_UTF_16):
        raise mismatch("file", "text in UTF-16", "UTF-8")
    data = data.removeprefix(BOM)
    while data:
        end = data.rfind(b"\n") + 1
        if end:
            block = rest + data[:end]
            yield Block(line, block)
            line += block.count(b"\n")
            rest = data[end:]
        else:
            rest += data
        if len(rest) > MAX_LINE:
            size, data = _skip(stream, rest)
            rest = b""
            yield Block(line, b"", mismatch("line", f"{size:,} bytes", f"at most {MAX_LINE:,} in one line"))
            line += 1
            if data:
                continue
        data = stream.read(PORTION_BYTES)
    if rest:
        yield Block(line, rest)


def _skip(stream: BinaryIO, begun: bytes) -> tuple[int, bytes]:
    """Read to the end of a line; return how long it is, and what was read behind it."""
    size = len(begun)
    while data := stream.read(PORTION_BYTES):
        end = data.find(b"\n")
        if end >= 0:
            return size + end, data[end + 1 :]
        size += len(data)
    return size, b""


def split(block: Block) -> list[bytes]:
    """Return a block's lines, without their ends."""
    found = block.text.split(b"\n")
    if not found[-1]:
        found.pop()
    return found
