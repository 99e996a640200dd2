"""Blobs of an image -> files on this machine. Those of the base are fetched once and kept in the user's cache by their digest."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from slsdeploy import assets
from slsdeploy.errors import ToolError
from slsdeploy.oci import Blob, Image, Reference

if TYPE_CHECKING:
    from slsdeploy.tools import Tools

_UNUSED_DAYS = 30
_DAY = 24 * 60 * 60


def gather(image: Image, tools: Tools) -> Mapping[str, Path]:
    """Return the image's layers as files, by their digests.

    Raises ToolError when one of the base is not here and cannot be fetched.
    """
    blobs = {blob.descriptor.digest: blob for blob in image.blobs if not isinstance(blob.source, bytes)}
    _fetch([blob for blob in blobs.values() if not _is_here(blob)], tools)
    return {digest: _path(blob) for digest, blob in blobs.items()}


def _fetch(missing: list[Blob], tools: Tools) -> None:
    if not missing:
        return
    shelf = _shelf()
    shelf.mkdir(parents=True, exist_ok=True)
    _sweep(shelf.iterdir())
    with tools.reporter.step("fetch the base", total=sum(blob.descriptor.size for blob in missing)) as task:
        for blob in missing:
            assert isinstance(blob.source, Reference)
            draft = shelf / f".draft-{os.getpid()}"
            try:
                tools.images.blob_to(blob.source, blob.descriptor, draft, task)
                draft.replace(_path(blob))
            except ToolError as error:
                message = f"the layers of {blob.source} are not on this machine, and cannot be fetched: {error.message}"
                raise ToolError(message, error.hint, error.where) from error
            finally:
                draft.unlink(missing_ok=True)


def _is_here(blob: Blob) -> bool:
    """Our own layers always are; what is in the cache may be damaged."""
    if not isinstance(blob.source, Reference):
        return True
    try:
        with _path(blob).open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        os.utime(_path(blob))  # when it was last used
    except OSError:
        return False
    return f"sha256:{digest}" == blob.descriptor.digest


def _path(blob: Blob) -> Path:
    if isinstance(blob.source, Path):
        return blob.source
    return _shelf() / blob.descriptor.digest.removeprefix("sha256:")


def _shelf() -> Path:
    return assets.cache_dir() / "images" / "blobs"


def _sweep(files: Iterable[Path]) -> None:
    """Remove what no build used for long, and what killed ones left."""
    now = time.time()
    for file in files:
        limit = 1 if file.name.startswith(".") else _UNUSED_DAYS
        try:
            if now - file.stat().st_mtime > limit * _DAY:
                file.unlink()
        except OSError:
            continue
