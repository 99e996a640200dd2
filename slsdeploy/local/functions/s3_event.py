"""Completes the S3 events that moto makes: the members that AWS's own have and moto's have not.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

from __future__ import annotations

import time
import uuid
from typing import Any

_OWNER = {"principalId": "AWS:LOCAL"}


def complete(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event as S3 would send it."""
    return {**event, "Records": [_record(record) for record in event["Records"]]}


def sequencer() -> str:
    """Return what an arrival has that is larger than any before it."""
    return f"{time.time_ns():018X}"


def _record(record: dict[str, Any]) -> dict[str, Any]:
    s3 = record["s3"]
    # S3 encodes a key as a form does, but for its slashes.
    key = s3["object"]["key"].replace("%2F", "/")
    item = {**s3["object"], "key": key, "sequencer": sequencer()}
    if record["eventName"].startswith("ObjectRemoved"):
        item = {name: value for name, value in item.items() if name not in ("size", "eTag")}
    return {
        **record,
        "userIdentity": _OWNER,
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": uuid.uuid4().hex[:16].upper(), "x-amz-id-2": uuid.uuid4().hex},
        "s3": {**s3, "bucket": {**s3["bucket"], "ownerIdentity": _OWNER}, "object": item},
    }
