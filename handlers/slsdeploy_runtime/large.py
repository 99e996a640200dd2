"""An answer that is more than AWS takes on its way -> an object of the stack's own bucket, and a pointer to it in the answer's place.

Imported with the first of them. The bucket is there unless the project says `large_answers = "refuse"`; objects expire by its
lifecycle, URLs after an hour.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from slsdeploy_runtime import s3_request
from slsdeploy_runtime.answer_size import ANSWER_BYTES
from slsdeploy_runtime.http_event import JSON
from slsdeploy_runtime.json_text import to_json
from slsdeploy_runtime.s3_presign import presigned
from slsdeploy_runtime.service import AnswerTooLarge, Service

BUCKET = "SLSDEPLOY_LARGE_ANSWERS"  # set by the template
URL_SECONDS = 3600
REFUSED = 'deploy with large_answers = "s3"'
LENGTH = "inference-header-content-length"
# headers that tell of a body, by S3's words for them
_WORDS = {
    "content-type": "ContentType",
    "content-encoding": "ContentEncoding",
    "content-disposition": "ContentDisposition",
    "content-language": "ContentLanguage",
}
_AS_JSON = {"content-type": JSON}


class NotKept(Exception):
    """An answer is too large for its way back, and could not be put into the bucket either."""


class Kept(NamedTuple):
    """An answer in the bucket."""

    bucket: str
    key: str
    bytes: int

    @property
    def pointer(self) -> dict[str, Any]:
        """Return what says where it is."""
        return {"s3": {"bucket": self.bucket, "key": self.key}, "bytes": self.bytes}


def bucket() -> str:
    """Return the bucket for large answers, "" when there is none: they are refused."""
    return os.environ.get(BUCKET, "")


def answer(service: Service, value: Any, source: str, most: int = ANSWER_BYTES, *, with_url: bool = True) -> Any:
    """Return a value of plain JSON, or the pointer to it if it has more than `most` bytes. Raises AnswerTooLarge, NotKept."""
    size = text_bytes(value)
    if size <= most:
        return value
    if not bucket():
        raise AnswerTooLarge(f"the answer has {size} bytes, {most} can be answered: ask for fewer rows, or {REFUSED}")
    kept = keep(service, to_json(value), key_of(service, source))
    return {**kept.pointer, **(link(kept) if with_url else {})}


def text_bytes(value: Any) -> int:
    """Return how many bytes Lambda's client makes of a value (3.12 and later)."""
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def pointer(service: Service, body: bytes, about: Mapping[str, Any]) -> bytes | None:
    """Put the answer to a record into the bucket; return what is sent on in its place, None when there is no bucket. Raises NotKept.

    `about` identifies the record: it stands beside the pointer, and the object's key is made of it, so that a record that comes
    again writes over its own answer. There is no URL: one would not live as long as a queue may keep it.
    """
    if not bucket():
        return None
    name = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()[:40]
    return to_json({**about, **keep(service, body, f"records/{name}.json").pointer})


def of_batch(service: Service, values: Sequence[Any], most: int, source: str) -> list[Any]:
    """Return answers that go back together: the largest as their pointers, until what is left has `most` bytes.

    One that cannot be kept is the exception that says why.
    """
    sizes = [text_bytes(value) for value in values]
    made, total = list(values), sum(sizes)
    for index in sorted(range(len(values)), key=lambda index: -sizes[index]):
        if total <= most:
            break
        try:
            made[index] = answer(service, values[index], f"{source}/{index}", 0)
        except (AnswerTooLarge, NotKept) as error:
            made[index] = error
        total -= sizes[index]
    return made


def keep(service: Service, body: bytes, key: str, headers: Mapping[str, str] = _AS_JSON) -> Kept:
    """Put an answer into the bucket, with what its headers tell of the body. Raises NotKept, which names the bucket."""
    told: dict[str, Any] = {word: headers[name] for name, word in _WORDS.items() if name in headers}
    if LENGTH in headers:
        told["Metadata"] = {LENGTH: headers[LENGTH]}
    try:
        service.client("s3").put_object(Bucket=bucket(), Key=key, Body=body, **told)
    except Exception as error:
        message = f"the answer's {len(body)} bytes cannot be put into s3://{bucket()}/{key}: {error}"
        raise NotKept(message) from error
    return Kept(bucket(), key, len(body))


def key_of(service: Service, source: str, content_type: str = JSON) -> str:
    """Return the key for what is answered now: of its source, the day, and Lambda's id of the invocation."""
    from uuid import uuid4

    end = "json" if content_type == JSON else "bin"
    return f"{source}/{time.strftime('%Y-%m-%d', time.gmtime())}/{service.telemetry.request_id or uuid4()}.{end}"


def origin() -> str:
    """Return where a browser is sent for large answers, as in https://HOST; "" when there is no bucket."""
    if not bucket():
        return ""
    place = s3_request.address(bucket(), "", "", _region())
    return f"{place.scheme}://{place.host}"


def link(kept: Kept) -> dict[str, Any]:
    """Return a URL to it and how many seconds it is good for, at most. Raises NoCredentials."""
    by, region = s3_request.credentials(), _region()
    seconds = min(URL_SECONDS, _left(by.ends))
    place = s3_request.address(kept.bucket, kept.key, "", region)
    return {"url": presigned(place, region, by, seconds), "expires_in": seconds}


def _left(ends: str) -> int:
    """Return how many seconds credentials live on, as far as that is known."""
    if not ends:
        return URL_SECONDS
    from datetime import UTC, datetime

    return max(1, int((datetime.fromisoformat(ends) - datetime.now(UTC)).total_seconds()))


def _region() -> str:
    environ = os.environ
    return environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
