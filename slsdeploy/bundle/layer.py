"""A part's tree -> a layer of an image: a tar below /var, gzipped, the same bytes on any machine; made once and kept beside the tree.

Weights do not compress: the model's layer is gzip of stored blocks. The rest goes through libdeflate, whose output depends on its version
alone (see archive.py). An entry has no owner but 0:0, the time 0 and no hard links, which Lambda refuses
(https://github.com/bazel-contrib/rules_oci/issues/777).
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import tarfile
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from slsdeploy import assets
from slsdeploy.bundle import tree
from slsdeploy.bundle.parts import Kept

ROOT = "var"  # Lambda's task root is /var/task: https://docs.aws.amazon.com/lambda/latest/dg/python-image.html
_LAYER, _DESCRIPTION = "layer.tar.gz", "layer.json"
_LEVEL = 6
# More than that is not held in memory: it goes through zlib, which may be another on another machine.
_AT_ONCE = 1 << 30
# https://www.rfc-editor.org/rfc/rfc1952: deflate, no name, no time, an unknown system
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_STORED = 65_535  # bytes of a stored block: https://www.rfc-editor.org/rfc/rfc1951#section-3.2.4
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer on disk: the digests of the blob and of the tar in it (both "sha256:..."), the blob's size in bytes."""

    path: Path
    digest: str
    diff_id: str
    bytes: int


def is_made(part: Kept) -> bool:
    """Say whether the part's layer is there."""
    return read(part.folder / _LAYER, part.folder / _DESCRIPTION) is not None


def layer_of(part: Kept, during: Callable[[Iterable[bytes]], Iterable[bytes]] = iter) -> Layer:
    """Return the part's layer; packed once, then not even read. `during` may end the packing, which takes minutes for gigabytes."""
    path, description = part.folder / _LAYER, part.folder / _DESCRIPTION
    found = read(path, description)
    if found is not None:
        return found
    draft = part.folder / f".layer-{os.getpid()}"
    try:
        with draft.open("wb") as stream:
            made = compress(during(_tar(part.tree)), part.bytes, stream, path, stored=part.name == "model")
        return keep(made, draft, description)
    finally:
        draft.unlink(missing_ok=True)


def read(path: Path, description: Path) -> Layer | None:
    """Return a layer that was kept there, if it is whole."""
    try:
        said = json.loads(description.read_text(encoding="utf-8"))
        found = Layer(path, said["digest"], said["diff_id"], said["bytes"])
        return found if path.stat().st_size == found.bytes else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep(made: Layer, draft: Path, description: Path) -> Layer:
    """Put a layer in its place, and its description beside it."""
    draft.replace(made.path)
    said = {"digest": made.digest, "diff_id": made.diff_id, "bytes": made.bytes}
    assets.write_atomically(description, json.dumps(said).encode())
    return made


def compress(tar: Iterable[bytes], size: int, stream: IO[bytes], path: Path, *, stored: bool) -> Layer:
    """Write a tar of about that size gzipped; return the layer that it is, once it is at `path`. `stored`: it hardly compresses."""
    blob, digest = _Hashed(stream), hashlib.sha256()
    pack = _stored if stored else _compressed
    with closing(_hashing(tar, digest)) as pieces:
        pack(pieces, size, blob)
    return Layer(path, f"sha256:{blob.hash.hexdigest()}", f"sha256:{digest.hexdigest()}", blob.size)


def _hashing(pieces: Iterable[bytes], digest: hashlib._Hash) -> Generator[bytes]:
    """Yield the pieces; while each is worked on, a thread hashes it."""
    from slsdeploy.bundle.workers import workers  # not needed when nothing changed

    with workers(1) as threads:
        for piece in pieces:
            hashed = threads.begin_one(digest.update, piece)
            yield piece
            hashed.result()


class _Hashed:
    """Writes on, and knows the digest and the size of what it wrote."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.hash, self.size = hashlib.sha256(), 0
        self._stream = stream

    def write(self, content: bytes) -> None:
        self.hash.update(content)
        self.size += len(content)
        self._stream.write(content)


def _tar(root: Path) -> Iterator[bytes]:
    """Yield the tar of a tree in pieces of some `_BLOCK`, folders before what is in them."""
    waiting, size = list[bytes](), 0
    for piece in _pieces(root):
        waiting.append(piece)
        size += len(piece)
        if size >= _BLOCK:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


def _pieces(root: Path) -> Iterator[bytes]:
    """Yield headers, contents and padding: what tarfile would write, which copies each byte some thirty times on its way."""
    known: set[PurePosixPath] = {PurePosixPath(ROOT), PurePosixPath(ROOT, "task")}  # the base has them
    written = 0
    for file in tree.walk(root):
        name = PurePosixPath(ROOT, file.path)
        headers = []
        for parent in [each for each in reversed(name.parents) if each.name and each not in known]:
            known.add(parent)
            headers.append(_header(parent, tarfile.DIRTYPE, 0o755))
        headers.append(_header(name, tarfile.REGTYPE, 0o755 if file.is_executable else 0o644, file.bytes))
        yield from headers
        yield from _content(root / file.path, file.bytes)
        padding = -file.bytes % tarfile.BLOCKSIZE
        yield bytes(padding)
        written += sum(map(len, headers)) + file.bytes + padding
    end = 2 * tarfile.BLOCKSIZE
    yield bytes(end + -(written + end) % tarfile.RECORDSIZE)


def _content(path: Path, size: int) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while size and (piece := stream.read(min(size, _BLOCK))):
            size -= len(piece)
            yield piece
    if size:
        raise OSError(f"{path} has become shorter")


def _header(name: PurePosixPath, kind: bytes, mode: int, size: int = 0) -> bytes:
    entry = tarfile.TarInfo(str(name))
    entry.type, entry.mode, entry.mtime, entry.size = kind, mode, 0, size
    return entry.tobuf(tarfile.PAX_FORMAT)


def _compressed(pieces: Iterator[bytes], size: int, out: _Hashed) -> None:
    if size > _AT_ONCE:
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        _gzip(pieces, out, packer.compress, packer.flush)
        return
    from deflate import deflate_compress

    tar = b"".join(pieces)
    out.write(_HEADER + bytes(deflate_compress(tar, _LEVEL)) + _trailer(zlib.crc32(tar), len(tar)))


def _stored(pieces: Iterator[bytes], size: int, out: _Hashed) -> None:
    """Write deflate's stored blocks: as fast as the disk, and five bytes larger for each 64 kB."""
    rest = b""

    def pack(piece: bytes) -> bytes:
        nonlocal rest
        waiting = memoryview(rest + piece)
        whole = len(waiting) // _STORED * _STORED
        rest = bytes(waiting[whole:])
        return b"".join(_blocks(waiting[:whole]))

    _gzip(pieces, out, pack, lambda: _block_header(len(rest), last=True) + rest)


def _blocks(content: memoryview) -> Iterator[bytes | memoryview]:
    header = _block_header(_STORED, last=False)
    for start in range(0, len(content), _STORED):
        yield header
        yield content[start : start + _STORED]


def _block_header(size: int, last: bool) -> bytes:
    return struct.pack("<BHH", last, size, size ^ 0xFFFF)


def _gzip(pieces: Iterator[bytes], out: _Hashed, pack: Callable[[bytes], bytes], finish: Callable[[], bytes]) -> None:
    checksum, size = 0, 0
    out.write(_HEADER)
    for piece in pieces:
        checksum, size = zlib.crc32(piece, checksum), size + len(piece)
        out.write(pack(piece))
    out.write(finish() + _trailer(checksum, size))


def _trailer(checksum: int, size: int) -> bytes:
    return struct.pack("<II", checksum, size & 0xFFFFFFFF)
