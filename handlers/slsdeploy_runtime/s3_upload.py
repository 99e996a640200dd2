"""Bytes as they come -> an object of S3, written in parts, so that a long one needs little memory; there at once, or not at all.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

# S3 takes parts from 5 MiB on, and 10,000 of them: 80 GB
PART = 8 * 1024 * 1024


class Upload:
    """An object to be; `close` makes it, `abort` forgets it. A short one is put at once."""

    def __init__(self, client: Any, bucket: str, key: str, kind: str) -> None:
        self._client = client
        self._place = {"Bucket": bucket, "Key": key}
        self._kind = kind
        self._id = ""
        self._tags: list[str] = []
        self._waiting: list[bytes] = []
        self._size = 0
        self.bytes = 0

    @property
    def uri(self) -> str:
        return f"s3://{self._place['Bucket']}/{self._place['Key']}"

    def write(self, content: bytes) -> None:
        """Add bytes."""
        self._waiting.append(content)
        self._size += len(content)
        self.bytes += len(content)
        if self._size >= PART:
            self._send()

    def close(self) -> None:
        """Make the object of what was written."""
        if not self._id:
            self._client.put_object(**self._place, Body=b"".join(self._waiting), ContentType=self._kind)
            return
        if self._waiting:
            self._send()
        parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(self._tags, 1)]
        self._client.complete_multipart_upload(**self._place, UploadId=self._id, MultipartUpload={"Parts": parts})
        self._id = ""

    def remove(self) -> None:
        """See to it that there is no such object: one of an earlier run."""
        self._client.delete_object(**self._place)

    def abort(self) -> None:
        """Forget what was written. Where even that fails, the bucket's lifecycle removes it after a day."""
        if self._id:
            with suppress(Exception):
                self._client.abort_multipart_upload(**self._place, UploadId=self._id)
            self._id = ""

    def _send(self) -> None:
        if not self._id:
            self._id = self._client.create_multipart_upload(**self._place, ContentType=self._kind)["UploadId"]
        content = b"".join(self._waiting)
        self._waiting.clear()
        self._size = 0
        number = len(self._tags) + 1
        answer = self._client.upload_part(**self._place, UploadId=self._id, PartNumber=number, Body=content)
        self._tags.append(answer["ETag"])
