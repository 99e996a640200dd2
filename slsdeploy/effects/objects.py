"""Objects of S3: what is there, and its bytes on disk, fetched on where the connection was cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slsdeploy.errors import AwsError
from slsdeploy.tools import Task
from slsdeploy.types import S3Object

_CHUNK = 1 << 20
_ATTEMPTS = 5
# a version that never was is a bad request; one that is a delete marker may not be read
_ABSENT = frozenset(
    {"404", "NoSuchKey", "NoSuchBucket", "NoSuchVersion", "400", "405", "MethodNotAllowed", "InvalidArgument"}
)


def find(client: Any, bucket: str, key: str, version: str = "") -> S3Object | None:
    """Return the object (the newest, or a version of it); None when there is none."""
    try:
        said = client.head_object(Bucket=bucket, Key=key, **_which(version))
    except AwsError as refused:
        if refused.code in _ABSENT:
            return None
        raise
    return S3Object(bucket, key, said.get("VersionId", ""), said["ETag"], said["ContentLength"])


def download(client: Any, wanted: S3Object, path: Path, task: Task) -> None:
    """Write that very object to a path."""
    done = 0
    with path.open("wb") as file:
        for attempt in range(1, _ATTEMPTS + 1):
            rest = {"Range": f"bytes={done}-"} if done else {}
            which = {"Bucket": wanted.bucket, "Key": wanted.key, "IfMatch": wanted.etag, **_which(wanted.version)}
            try:
                for chunk in client.chunks(_CHUNK, **which, **rest):
                    file.write(chunk)
                    done += len(chunk)
                    task.advance(len(chunk))
                return
            except AwsError as error:
                if error.code or attempt == _ATTEMPTS:
                    raise


def region(client: Any, bucket: str) -> str:
    """Return the region that a bucket is in, "" when we may not know."""
    try:
        return str(client.head_bucket(Bucket=bucket).get("BucketRegion", ""))
    except AwsError:
        return ""


def _which(version: str) -> dict[str, str]:
    return {"VersionId": version} if version else {}
