"""A zip elsewhere -> how large it is unzipped: only its directory is fetched, which is at its end, in a few ranges."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

from slsdeploy.errors import AwsError

_BUFFER = 64 * 1024
Fetch = Callable[[int, int], bytes]


def unzipped_size(fetch: Fetch, size: int) -> int:
    """Return the bytes of all files in a zip that has so many bytes itself; `fetch(place, wanted)` reads it.

    Raises AwsError when it is none.
    """
    try:
        with zipfile.ZipFile(io.BufferedReader(_Remote(fetch, size), _BUFFER)) as archive:
            return sum(member.file_size for member in archive.infolist())
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        ValueError,
        OSError,
    ) as error:  # of a version that this Python does not know, too
        raise AwsError(f"the layer's content cannot be read: {error}", hint="run the command again") from error


class _Remote(io.RawIOBase):
    """A file elsewhere, read where it is asked for."""

    def __init__(self, fetch: Fetch, size: int) -> None:
        self._fetch = fetch
        self._size = size
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise OSError("it is shorter than it says")
        self._place = start + offset
        return self._place

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._size - self._place)
        if wanted <= 0:
            return 0
        content = self._fetch(self._place, wanted)
        buffer[: len(content)] = content
        self._place += len(content)
        return len(content)
