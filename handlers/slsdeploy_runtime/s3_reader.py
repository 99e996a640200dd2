"""An object of S3 -> a seekable stream of its bytes, read in ranges of the very object that was found, none of it kept.

A range whose connection is cut is asked for again; an object that is replaced meanwhile is an error (If-Match).
"""

from __future__ import annotations

import errno
import io
import os
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

MB = 1024 * 1024
RANGE = 8 * MB  # some 0.1 s of a small function's network
TRIES, PAUSE = 5, 0.2


class ObjectChanged(Exception):
    """An object was replaced or deleted while it was read: what was read of it belongs to nothing."""


class Found(NamedTuple):
    """An object as it was found; `bytes` is its size, `coding` its Content-Encoding."""

    client: Any
    bucket: str
    key: str
    etag: str
    bytes: int
    coding: str
    metadata: Mapping[str, str]

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


class ObjectReader(io.RawIOBase):
    """The bytes of an object; at least `size` of them are asked for at once, and so many answers are held."""

    def __init__(self, found: Found, size: int = RANGE, held: int = 1) -> None:
        self._found = found
        self._size = size
        self._most = held
        self._at = 0
        self._held: list[tuple[int, memoryview[int]]] = []  # by where they start; the one used last is the last

    @property
    def found(self) -> Found:
        return self._found

    @property
    def at(self) -> int:
        """Say how far it is, closed or not."""
        return self._at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._found.bytes}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "a place before the beginning")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        wanted = memoryview(buffer).cast("B")
        if not len(wanted) or self._at >= self._found.bytes:
            return 0
        start, held = self._holding(len(wanted))
        part = held[self._at - start : self._at - start + len(wanted)]
        wanted[: len(part)] = part
        self._at += len(part)
        return len(part)

    def _holding(self, size: int) -> tuple[int, memoryview[int]]:
        """Return a range with the bytes that come next."""
        for index, (start, held) in enumerate(self._held):
            if start <= self._at < start + len(held):
                self._held.append(self._held.pop(index))
                return self._held[-1]
        del self._held[: len(self._held) + 1 - self._most]  # before there is one more
        self._held.append((self._at, memoryview(self._get(self._at, max(self._size, size)))))
        return self._held[-1]

    def _get(self, start: int, size: int) -> bytes:
        end = min(start + size, self._found.bytes)
        for left in reversed(range(TRIES)):
            try:
                return self._get_once(start, end)
            except (ObjectChanged, MemoryError):
                raise
            except Exception as error:
                if not left or not _is_cut(error):
                    raise
                time.sleep(PAUSE * 2 ** (TRIES - 1 - left))
        raise AssertionError("unreachable")

    def _get_once(self, start: int, end: int) -> bytes:
        found = self._found
        try:
            answer = found.client.get_object(
                Bucket=found.bucket, Key=found.key, Range=f"bytes={start}-{end - 1}", IfMatch=found.etag
            )
        except found.client.exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (404, 412, 416):
                raise ObjectChanged(f"{found.uri} was replaced or deleted while it was read") from error
            raise
        body = answer["Body"]
        try:  # not `with`: that is the stream inside, whose errors are urllib3's
            content: bytes = body.read()
        finally:
            body.close()
        if len(content) != end - start:
            raise ConnectionError(f"{len(content)} bytes came of {end - start}")
        return content


def _is_cut(error: Exception) -> bool:
    """Say whether an error is the network's."""
    from botocore.exceptions import BotoCoreError, ClientError  # there is a client: it is imported

    return isinstance(error, BotoCoreError | OSError) and not isinstance(error, ClientError)
