"""What S3 answers to a GET of a pinned object's range -> its bytes may be read, it is to be asked for again, or an error that says why."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from http.client import HTTPResponse

_ANEW = "(`slsdeploy lock --models`) and deploy"
CHANGED = f"the object was replaced since it was pinned; pin what is there now {_ANEW}"
_GONE = f"it was deleted; put it back, or pin what is there now {_ANEW}"
_FORBIDDEN = (
    "the function's role may not read it, or it is not there any more (S3 says the same of both); look at the object, at the "
    "bucket's policy, and if it is encrypted with a KMS key of your own, at that key's policy"
)
_AGAIN = frozenset({429, 500, 502, 503, 504})


class FetchError(Exception):
    """A model that does not ship with the function cannot be had, or is not the one that was pinned."""


class Again(Exception):
    """This did not work, and may work in a moment."""


@dataclass(frozen=True, slots=True)
class Source:
    """An object as it was pinned: `version` is "" in a bucket without versions; `digest` is its sha256 (hex)."""

    bucket: str
    key: str
    region: str
    version: str
    etag: str
    bytes: int
    digest: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}" + (f" (version {self.version})" if self.version else "")


def check(response: HTTPResponse, source: Source, start: int, end: int) -> None:
    """Make sure that what follows are the bytes from `start` to before `end`. Raises Again, or FetchError."""
    if response.status == 206:
        found = response.getheader("Content-Range", "")
        if found.startswith(f"bytes {start}-"):
            return
        raise FetchError(f"{source}: asked for the bytes from {start}, was given {found or 'others'}")
    if response.status == 200 and (start, end) == (0, source.bytes):
        return
    body = response.read(4096).decode("utf-8", "replace")
    code = next(iter(re.findall("<Code>([^<]{1,64})", body)), "")
    said = f"{response.status} {code or response.reason}"
    if response.status in _AGAIN or code == "RequestTimeout":
        raise Again(f"S3 answered {said}")
    raise FetchError(f"{source} cannot be read: S3 answered {said}: {_refusal(response, code)}")


def _refusal(response: HTTPResponse, code: str) -> str:
    """Say what a refusal means, and what to do."""
    status = response.status
    if status in (412, 416):
        return CHANGED
    if status in (404, 405):  # 405: the version is a delete marker
        return _GONE
    if status in (301, 307) or code == "AuthorizationHeaderMalformed":
        region = response.getheader("x-amz-bucket-region") or "another region"
        return f"the bucket is in {region}; pin it anew {_ANEW}"
    return _FORBIDDEN if status == 403 else "look at the bucket and the object"
