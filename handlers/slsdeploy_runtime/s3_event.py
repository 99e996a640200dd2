"""What S3 says of its objects -> their buckets and keys, by whichever way it came: direct, by SQS, by SNS, by EventBridge.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote_plus

Place = tuple[str, str]  # a bucket and a key in it
Arrivals = dict[Place, list[str]]  # objects, and what tells each arrival of one from its others ("": nothing does)
_UNREADABLE = (TypeError, KeyError, AttributeError, ValueError, RecursionError)
TEST_EVENT = "s3:TestEvent"  # sent once to a queue or topic, when a bucket is told to notify it


class NoNotification(Exception):
    """A message is none of S3's, though it came where only those are sent."""


def is_s3(event: Any) -> bool:
    """Say whether an event is S3's, or carries what is: as far as its first record tells."""
    try:
        return _is_notification(event) or _is_notification(_inside(event["Records"][0]))
    except (*_UNREADABLE, IndexError):
        return False


def is_queue(event: Any) -> bool:
    """Say whether these are messages of a queue."""
    try:
        return bool(event["Records"][0]["eventSource"] == "aws:sqs")
    except (TypeError, KeyError, IndexError):
        return False


def arrivals(event: Any) -> Arrivals:
    """Return the objects that an event speaks of, none for S3's test event. Raises NoNotification."""
    try:
        found: Arrivals = {}
        for place, arrival in _places(event, depth=0):
            found.setdefault(place, []).append(arrival)
        return found
    except _UNREADABLE as error:
        raise NoNotification(f"this is no notification of S3: {type(error).__name__}: {error}") from None


def arrivals_in(text: Any) -> Arrivals:
    """Return the objects that a message's text speaks of. Raises NoNotification."""
    try:
        event = json.loads(text)
    except (TypeError, ValueError) as error:
        raise NoNotification(f"this is no notification of S3: {error}") from None
    return arrivals(event)


def messages(event: Any) -> dict[str, Any]:
    """Return the bodies of a queue's messages by their ids."""
    return {str(record["messageId"]): record.get("body") for record in event["Records"]}


def first_place(event: Any) -> Place | None:
    """Return the first object that an event speaks of, None when there is none, or something else stands before it."""
    try:
        return next((place for place, _ in _places(event, depth=0)), None)
    except _UNREADABLE:
        return None


def _places(event: Any, depth: int) -> Iterator[tuple[Place, str]]:
    if depth > 4 or not isinstance(event, dict):  # a topic into a queue is two deep
        raise ValueError("envelopes in envelopes" if depth > 4 else f"a {type(event).__name__}")
    if event.get("source") == "aws.s3":
        detail = event["detail"]
        # not encoded, unlike in notifications
        yield _place(detail["bucket"]["name"], detail["object"]["key"]), _arrival(detail["object"])
    elif event.get("Event") == TEST_EVENT:
        return
    elif "Message" in event:
        yield from _places(json.loads(event["Message"]), depth + 1)
    else:
        for record in event["Records"]:
            if _source(record) == "aws:s3":
                where = record["s3"]
                yield _place(where["bucket"]["name"], unquote_plus(where["object"]["key"])), _arrival(where["object"])
            else:
                yield from _places(_inside(record), depth + 1)


def _place(bucket: Any, key: Any) -> Place:
    if not isinstance(bucket, str) or not isinstance(key, str):
        raise TypeError("a bucket and a key are texts")
    return bucket, key


def _arrival(item: Mapping[str, Any]) -> str:
    """Return what an object has otherwise when it is written again: its sequencer, which all ways carry; else its version, or content."""
    found = (item.get(name) for name in ("sequencer", "versionId", "version-id", "eTag", "etag"))
    return str(next(filter(None, found), ""))


def _inside(record: Mapping[str, Any]) -> Any:
    """Return what a record of SNS or SQS carries."""
    source = _source(record)
    if source == "aws:sns":
        return json.loads(record["Sns"]["Message"])
    if source == "aws:sqs":
        found = json.loads(record["body"])
        return (
            json.loads(found["Message"]) if isinstance(found, dict) and found.get("Type") == "Notification" else found
        )
    raise ValueError(f"records of {source}")


def _source(record: Any) -> Any:
    if not isinstance(record, dict):
        raise TypeError(f"a record is an object, not a {type(record).__name__}")
    return record.get("eventSource", record.get("EventSource"))


def _is_notification(event: Any) -> bool:
    if not isinstance(event, dict):
        return False
    if event.get("source") == "aws.s3" or event.get("Event") == TEST_EVENT:
        return True
    return "Records" in event and _source(event["Records"][0]) == "aws:s3"
