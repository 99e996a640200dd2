"""An image -> a folder with an OCI image layout: `oci-layout`, `index.json`, a file for each blob by its digest.

https://github.com/opencontainers/image-spec/blob/main/image-layout.md

The index is written last: until then the folder is what it was before, and a rerun takes up the blobs that are there. It is ours
alone: blobs of an image that was there before are removed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slsdeploy import assets, oci
from slsdeploy.bundle import archive
from slsdeploy.errors import ProjectError
from slsdeploy.exports import blobs

if TYPE_CHECKING:
    from slsdeploy.tools import Tools

_VERSION = b'{"imageLayoutVersion":"1.0.0"}'
_NAME = "org.opencontainers.image.ref.name"


def write(image: oci.Image, folder: Path, name: str, tools: Tools) -> None:
    """Put the image into the folder, under the tag `name`."""
    _check(folder)
    layers = blobs.gather(image, tools)
    place = folder / "blobs" / "sha256"
    with tools.reporter.step(f"write {folder.name}"):
        place.mkdir(parents=True, exist_ok=True)
        for digest, path in layers.items():
            _put(path, place / _hex(digest))
        contents = {image.digest: image.manifest.content}
        contents |= {blob.descriptor.digest: blob.source for blob in image.blobs if isinstance(blob.source, bytes)}
        for digest, content in contents.items():
            assets.write_atomically(place / _hex(digest), content)
        assets.write_atomically(folder / "oci-layout", _VERSION)
        assets.write_atomically(folder / "index.json", _index(image, name))
        for left in {path.name for path in place.iterdir()} - {_hex(digest) for digest in (*layers, *contents)}:
            (place / left).unlink()


def _index(image: oci.Image, name: str) -> bytes:
    said = oci.Descriptor(image.manifest.media_type, image.digest, len(image.manifest.content)).document()
    entry = {**said, "annotations": {_NAME: name}}
    index = {"schemaVersion": 2, "mediaType": oci.OCI_INDEX, "manifests": [entry]}
    return json.dumps(index, separators=(",", ":")).encode()


def _check(folder: Path) -> None:
    """Refuse a folder that has anything but one image."""
    hint = "name another folder, or remove this one"
    if folder.exists() and not folder.is_dir():
        raise ProjectError(f"{folder} is no folder", hint, str(folder))
    if not folder.exists() or not any(folder.iterdir()) or _is_unfinished(folder):
        return
    try:
        is_layout = (folder / "oci-layout").is_file()
        manifests: Sequence[Any] = json.loads((folder / "index.json").read_bytes())["manifests"]
    except (OSError, ValueError, KeyError):
        is_layout, manifests = False, ()
    if not is_layout:
        raise ProjectError(f"{folder} has something else in it than an image", hint, str(folder))
    if len(manifests) > 1:
        raise ProjectError(f"{folder} has other images, too", hint, str(folder))


def _is_unfinished(folder: Path) -> bool:
    """Say whether this is what an interrupted run left."""
    return {path.name for path in folder.iterdir()} <= {"blobs", "oci-layout"}


def _put(source: Path, target: Path) -> None:
    """Put a blob in place, whole or not at all."""
    try:
        if target.stat().st_size == source.stat().st_size:
            return
        target.unlink()
    except FileNotFoundError:
        pass
    draft = target.with_name(f".{target.name}")
    draft.unlink(missing_ok=True)
    try:
        archive.link(source, draft)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")
