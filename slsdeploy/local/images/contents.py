"""Blobs by their digests and uploads in pieces, on disk: nothing is held in memory, and a blob is there whole or not at all."""

from __future__ import annotations

import hashlib
import re
import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from slsdeploy.local.images.errors import Refusal

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PIECE = 1 << 20
_PATIENCE = 30.0  # seconds; a request that was cut off may not have noticed yet


class Upload:
    """A blob that is being sent. What has arrived stays when the connection is cut, so that the rest can follow."""

    def __init__(self, path: Path, repository: str) -> None:
        self.id = path.name
        self.repository = repository
        self.path = path
        self.size = 0
        self._hash = hashlib.sha256()
        self._lock = threading.Lock()
        path.touch()

    @property
    def digest(self) -> str:
        """The digest of what has arrived."""
        return f"sha256:{self._hash.hexdigest()}"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let no other request add to it meanwhile."""
        if not self._lock.acquire(timeout=_PATIENCE):
            raise Refusal("BLOB_UPLOAD_INVALID", f"another request is still sending to upload {self.id}")
        try:
            yield
        finally:
            self._lock.release()

    def add(self, stream: IO[bytes]) -> None:
        """Write what comes to the end of the file, as it comes."""
        with self.path.open("ab") as file:
            file.truncate(self.size)  # what a full disk took in part is not counted
            while piece := stream.read(_PIECE):
                file.write(piece)
                file.flush()
                self._hash.update(piece)
                self.size += len(piece)


class Contents:
    """The blobs and uploads in a folder. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._blobs, self._drafts = folder / "blobs", folder / "uploads"
        for each in (self._blobs, self._drafts):
            each.mkdir(parents=True, exist_ok=True)
        self._uploads: dict[str, Upload] = {}
        # Held while blobs are given to repositories, and while those that none has are removed.
        self.lock = threading.RLock()

    def path(self, digest: str) -> Path:
        """Return where a blob is, or would be. Raises Refusal for what is no digest."""
        if not _DIGEST.fullmatch(digest):
            raise Refusal("DIGEST_INVALID", f"{digest} is not sha256: and 64 hexadecimal digits")
        return self._blobs / digest.removeprefix("sha256:")

    def size(self, digest: str) -> int | None:
        """Return a blob's size in bytes, None when there is none."""
        try:
            return self.path(digest).stat().st_size
        except FileNotFoundError:
            return None

    def put(self, content: bytes) -> str:
        """Keep a small blob; return its digest."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        draft = self._drafts / uuid.uuid4().hex
        draft.write_bytes(content)
        draft.replace(self.path(digest))
        return digest

    def begin(self, repository: str) -> Upload:
        """Start an upload."""
        upload = Upload(self._drafts / str(uuid.uuid4()), repository)
        self._uploads[upload.id] = upload
        return upload

    def upload(self, repository: str, id: str) -> Upload:
        """Return an upload that was started for that repository. Raises Refusal."""
        found = self._uploads.get(id)
        if found is None or found.repository != repository:
            raise Refusal("BLOB_UPLOAD_UNKNOWN", f"{repository} has no upload {id}")
        return found

    def finish(self, upload: Upload, digest: str) -> None:
        """Make a blob of an upload, which must have that digest. Raises Refusal."""
        if upload.digest != digest:
            self.cancel(upload)
            raise Refusal("DIGEST_INVALID", f"what was sent is {upload.digest}, not {digest}")
        self._uploads.pop(upload.id, None)
        upload.path.replace(self.path(digest))

    def cancel(self, upload: Upload) -> None:
        """Drop an upload."""
        self._uploads.pop(upload.id, None)
        upload.path.unlink(missing_ok=True)

    def keep(self, digests: Iterable[str]) -> None:
        """Remove every other blob."""
        wanted = {digest.removeprefix("sha256:") for digest in digests}
        for path in self._blobs.iterdir():
            if path.name not in wanted:
                path.unlink(missing_ok=True)

    def drop_uploads(self, repository: str) -> None:
        """Drop the uploads of a repository that is gone."""
        for upload in [each for each in self._uploads.values() if each.repository == repository]:
            self.cancel(upload)
