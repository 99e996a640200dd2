"""An image -> a tarball that `docker load` takes: manifest.json, the configuration, each layer unpacked as <diff id>/layer.tar.

https://github.com/moby/docker-image-spec/blob/main/spec.md#combined-image-json--filesystem-changeset-format

The entries have no owner and no time, so the same image is the same tarball. Layers are unpacked straight into it.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING

from slsdeploy import assets, oci
from slsdeploy.errors import ProjectError, ToolError
from slsdeploy.exports import blobs

if TYPE_CHECKING:
    from slsdeploy.tools import Task, Tools

_BLOCK = 1 << 20
_RECORD = 20 * 512  # a tar is padded to whole ones


def write(image: oci.Image, path: Path, name: str, tools: Tools) -> None:
    """Write the tarball, in which the image is called `name`."""
    if path.is_dir():
        raise ProjectError(f"{path} is a folder", "name a file", str(path))
    files = blobs.gather(image, tools)
    (config,) = [blob.source for blob in image.blobs if isinstance(blob.source, bytes)]
    assert isinstance(config, bytes)
    diff_ids: list[str] = json.loads(config)["rootfs"]["diff_ids"]
    descriptors = [layer["digest"] for layer in image.manifest.document["layers"]]
    layers = {diff_id: files[digest] for diff_id, digest in zip(diff_ids, descriptors, strict=True)}
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    total = sum(file.stat().st_size for file in layers.values())
    try:
        with tools.reporter.step(f"write {path.name}", total=total) as task, draft.open("wb") as stream:
            _write(stream, _documents(config, diff_ids, name), layers, task)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _documents(config: bytes, diff_ids: list[str], name: str) -> Mapping[str, bytes]:
    place = f"{oci.digest_of(config).removeprefix('sha256:')}.json"
    said = [{"Config": place, "RepoTags": [name], "Layers": [_place(diff_id) for diff_id in diff_ids]}]
    return {"manifest.json": json.dumps(said, separators=(",", ":")).encode(), place: config}


def _place(diff_id: str) -> str:
    return f"{diff_id.removeprefix('sha256:')}/layer.tar"


def _write(stream: IO[bytes], documents: Mapping[str, bytes], layers: Mapping[str, Path], task: Task) -> None:
    for name, content in documents.items():
        stream.write(_header(name, len(content)) + content + _padding(len(content)))
    for diff_id, path in layers.items():
        _layer(stream, diff_id, path)
        task.advance(path.stat().st_size)
    stream.write(bytes(2 * 512))  # the end
    stream.write(bytes(-stream.tell() % _RECORD))


def _layer(stream: IO[bytes], diff_id: str, path: Path) -> None:
    """Unpack a layer into the tarball; how large it is, is known behind it, and written before it."""
    start = stream.tell()
    stream.write(bytes(512))
    size, digest = 0, hashlib.sha256()
    try:
        with gzip.open(path) as layer:
            while block := layer.read(_BLOCK):
                stream.write(block)
                digest.update(block)
                size += len(block)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path, str(error)) from error
    if f"sha256:{digest.hexdigest()}" != diff_id:
        raise _damaged(path, "it unpacks to something else than the image's configuration says")
    stream.write(_padding(size))
    end = stream.tell()
    stream.seek(start)
    stream.write(_header(_place(diff_id), size))
    stream.seek(end)


def _damaged(path: Path, how: str) -> ToolError:
    assets.discard(path)
    return ToolError(f"the layer {path.name} is damaged: {how}", "run this again: the layer is made anew", str(path))


def _header(name: str, size: int) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry.tobuf(tarfile.GNU_FORMAT)  # which has more than 8 GB in one block, too


def _padding(size: int) -> bytes:
    return bytes(-size % 512)
