"""Trees -> zips that are the same bytes on any machine: sorted names, 1980, modes 0644 or 0755, one compressor.

CPython's zlib is the system's (zlib, zlib-ng, Apple's), and each compresses to other bytes. libdeflate comes with the `deflate`
wheel instead: its output depends on its version alone (https://github.com/ebiggers/libdeflate/issues/400), and it is three times as
fast. No key depends on these bytes all the same: an archive is named by the digest of its content.
"""

from __future__ import annotations

import os
import shutil
import stat
import zlib
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from slsdeploy.bundle.tree import File

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say
_UNIX = 3
_BLOCK = 1 << 20
_LEVEL = 6  # 9 takes twice as long for half a percent
# Weights hardly compress, and a stored file can be read where it lies.
_STORED = (".onnx",)


class Entry(NamedTuple):
    """A file as an archive has it: its name and mode, its bytes packed or (where that is no smaller) plain, and how large it is plain."""

    name: str
    is_executable: bool
    content: bytes
    is_packed: bool
    bytes: int
    checksum: int


def pack(tree: Path, files: Iterable[File], path: Path, *, compressed: bool = True) -> None:
    """Write the files, named from the tree's second level on: task/handler.py as handler.py."""
    write(map(partial(entry, tree, compressed), files), path)


def entry(tree: Path, compressed: bool, file: File) -> Entry:
    """Read and pack a file; most of that time the interpreter is free for others."""
    from deflate import deflate_compress  # not needed when nothing changed

    name = file.path.split("/", 1)[1]
    content = (tree / file.path).read_bytes()
    checksum, size, is_packed = zlib.crc32(content), len(content), False
    if compressed and not name.endswith(_STORED):
        packed = bytes(deflate_compress(content, _LEVEL))
        is_packed = len(packed) < size
        content = packed if is_packed else content
    return Entry(name, file.is_executable, content, is_packed, size, checksum)


def write(entries: Iterable[Entry], path: Path) -> None:
    """Write an archive of what was packed."""
    with ZipFile(path, "w") as archive:
        for each in entries:
            _add(archive, each)


def join(archives: Sequence[Path], path: Path) -> None:
    """Write one archive with the entries of several, as they are: nothing is compressed again."""
    if len(archives) == 1:
        link(archives[0], path)
        return
    with ZipFile(path, "w") as joined:
        assert joined.fp is not None
        for archive in archives:
            shift = joined.start_dir
            with ZipFile(archive) as source, archive.open("rb") as raw:
                _copy(raw, joined.fp, source.start_dir)
                for entry in source.filelist:
                    entry.header_offset += shift
                    joined.filelist.append(entry)
            joined.start_dir = joined.fp.tell()


def link_all(source: Path, files: Iterable[File], target: Path) -> None:
    """Put files of a folder of the cache into another."""
    there: set[str] = set()  # thousands of files are in hundreds of folders
    for file in files:
        folder = file.path.rpartition("/")[0]
        if folder not in there:
            (target / folder).mkdir(parents=True, exist_ok=True)
            there.add(folder)
        link(f"{source}/{file.path}", f"{target}/{file.path}")


def link(source: Path | str, target: Path | str) -> None:
    """Put a file of the cache in place: hard-linked where that can be, copied where not."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _add(archive: ZipFile, packed: Entry) -> None:
    """Add an entry that was compressed by us, which zipfile has no method for: header and bytes, then the directory's entry."""
    assert archive.fp is not None
    entry = ZipInfo(packed.name, _EPOCH)
    entry.create_system = _UNIX
    entry.external_attr = (stat.S_IFREG | (0o755 if packed.is_executable else 0o644)) << 16
    entry.compress_type = ZIP_DEFLATED if packed.is_packed else ZIP_STORED
    entry.CRC = packed.checksum
    entry.file_size = packed.bytes
    entry.compress_size = len(packed.content)
    entry.header_offset = archive.fp.tell()
    archive.fp.write(entry.FileHeader(zip64=False))
    archive.fp.write(packed.content)
    archive.filelist.append(entry)
    archive.start_dir = archive.fp.tell()


def _copy(source: IO[bytes], target: IO[bytes], amount: int) -> None:
    while amount and (block := source.read(min(amount, _BLOCK))):
        target.write(block)
        amount -= len(block)
