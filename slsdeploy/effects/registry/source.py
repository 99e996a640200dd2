"""Where a blob's bytes come from, read in order and once: a file, bytes, or another registry, which is asked on where it was cut.

What was read from the first byte on is checked against the descriptor: a blob that does not match is never completed.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import IO

from slsdeploy import assets, oci
from slsdeploy.effects.registry.calls import Calls, Request, pull_scope
from slsdeploy.effects.registry.http import Answer, base
from slsdeploy.effects.registry.refusal import refusal
from slsdeploy.effects.registry.trouble import Trouble
from slsdeploy.errors import BuildError, SlsdeployError, ToolError

_BLOCK = 1024 * 1024


class Source:
    """A blob's content from an offset on. A digest can only be checked of all of it: not of what an earlier run has sent a part of."""

    def __init__(self, blob: oci.Blob, offset: int, calls: Calls, stop: threading.Event) -> None:
        self._blob = blob
        self._position = offset
        self._hash = None if offset else hashlib.sha256()
        self._open: IO[bytes] | None = None
        self._blocks: Iterator[bytes] = iter(())
        self._rest = memoryview(b"")
        if isinstance(blob.source, oci.Reference):
            self._blocks = _from_registry(blob, blob.source, offset, calls, stop)
        else:
            self._open = _opened(blob.source, blob)
            self._open.seek(offset)

    def read(self, size: int) -> bytes:
        """Return the next bytes, fewer only at the end. Raises an error when that is not the content that was promised."""
        piece = self._open.read(size) if self._open else self._gather(size)
        self._position += len(piece)
        if self._hash:
            self._hash.update(piece)
        promised = self._blob.descriptor
        is_short = len(piece) < size and self._position < promised.size
        if is_short or self._position > promised.size:
            raise self._damaged(f"it has not {promised.size:,} bytes")
        if self._hash and self._position == promised.size and f"sha256:{self._hash.hexdigest()}" != promised.digest:
            raise self._damaged("its digest does not match")
        return piece

    def close(self) -> None:
        """Close the file or the connection."""
        if self._open:
            self._open.close()
        elif hasattr(self._blocks, "close"):
            self._blocks.close()

    def _gather(self, size: int) -> bytes:
        parts, missing = [], size
        while missing:
            if not self._rest:
                self._rest = memoryview(next(self._blocks, b""))
                if not self._rest:
                    break
            parts.append(self._rest[:missing])
            self._rest = self._rest[missing:]
            missing -= len(parts[-1])
        return b"".join(parts)

    def _damaged(self, how: str) -> SlsdeployError:
        blob = self._blob
        if isinstance(blob.source, oci.Reference):
            hint = "run the command again; when it stays so, the registry (or a proxy before it) is broken"
            message = f"what {blob.source.host} gave for {blob.descriptor.digest} is damaged: {how}"
            return ToolError(message, hint, str(blob.source))
        if isinstance(blob.source, Path):
            assets.discard(blob.source)
        hint = "run this again: the layer is made anew"
        return BuildError(f"the layer {blob.name} has changed since it was built: {how}", hint, _where(blob))


def _opened(source: Path | bytes, blob: oci.Blob) -> IO[bytes]:
    if isinstance(source, bytes):
        return BytesIO(source)
    try:
        return source.open("rb")
    except OSError as error:
        raise BuildError(f"cannot read the layer {blob.name}: {error.strerror}", "build again", _where(blob)) from error


def _where(blob: oci.Blob) -> str:
    return str(blob.source) if isinstance(blob.source, Path) else ""


def _from_registry(
    blob: oci.Blob, source: oci.Reference, offset: int, calls: Calls, stop: threading.Event
) -> Iterator[bytes]:
    """Yield a blob of another registry as it comes, each byte once."""
    patience = calls.patience(stop)
    won = 0
    while offset < blob.descriptor.size:
        try:
            answer = _asked(blob, source, offset, calls)
            with closing(answer.chunks()) as chunks:
                for block in _skipping(chunks, offset if answer.status == 200 else 0):
                    offset, won = offset + len(block), won + len(block)
                    if won > _BLOCK:
                        patience.progressed()
                        won = 0
                    yield block
            return  # too short: seen by who reads
        except Trouble as trouble:
            patience.wait(trouble)


def _asked(blob: oci.Blob, source: oci.Reference, offset: int, calls: Calls) -> Answer:
    url = f"{base(source.host)}{source.repository}/blobs/{blob.descriptor.digest}"
    headers = {"Range": f"bytes={offset}-"} if offset else {}
    answer = calls.send(Request("GET", source.host, url, pull_scope(source.repository), headers))
    if answer.status == 200 or (answer.status == 206 and answer.header("Content-Range").startswith(f"bytes {offset}-")):
        return answer
    raise refusal(answer, source, f"read {blob.name} ({blob.descriptor.digest})", calls.auth)


def _skipping(blocks: Iterator[bytes], count: int) -> Iterator[bytes]:
    """Leave out what we have already, of a registry that knows no ranges."""
    for block in blocks:
        if len(block) > count:
            yield block[count:]
        count = max(0, count - len(block))
