"""What becomes of a stream's batch after an invocation: done, tried again from a record on, split, or given up; pure.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html ("splitting batches doesn't consume the retry quota")
and https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

EXHAUSTED, TOO_OLD = "RetryAttemptsExhausted", "RecordAgeExceeded"


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a shard: its sequence number, when it came (seconds since 1970), the key that keeps its order, its form for functions."""

    sequence: str
    arrived: float
    key: str
    event: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Work:
    """Records to deliver together, and how often that was tried again already."""

    records: tuple[Record, ...]
    retries: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a mapping says of failures: -1 retries or seconds are no limit."""

    retries: int = -1
    age: float = -1
    bisects: bool = False
    reports_items: bool = False


def failed_at(payload: bytes, records: tuple[Record, ...]) -> int | None:
    """Return the place of the first record that an answer names as failed; None when all went well, 0 for an answer of no use."""
    try:
        answer = json.loads(payload) if payload.strip() else None
    except ValueError:
        return 0
    if not answer:
        return None
    if not isinstance(answer, dict):
        return 0
    failures = answer.get("batchItemFailures")
    if not failures:
        return None
    places = {record.sequence: place for place, record in enumerate(records)}
    try:
        return min(places[failure["itemIdentifier"]] for failure in failures)
    except (TypeError, KeyError):
        return 0


def after_failure(work: Work, place: int, is_error: bool, limits: Limits) -> list[Work]:
    """Return what is to be tried after a function error, or a failure at a place; nothing when the work is given up."""
    rest = work.records[place:]
    if place > 0:
        return [Work(rest, work.retries)] if limits.bisects else _again(rest, work, limits)
    if is_error and limits.bisects and len(rest) > 1:
        half = (len(rest) + 1) // 2
        return [Work(rest[:half], work.retries), Work(rest[half:], work.retries)]
    return _again(rest, work, limits)


def without_old(work: Work, now: float, limits: Limits) -> tuple[Work, tuple[Record, ...]]:
    """Divide work into what is young enough and what is too old to be tried."""
    if limits.age < 0:
        return work, ()
    old = tuple(record for record in work.records if now - record.arrived > limits.age)
    young = tuple(record for record in work.records if record not in old)
    return Work(young, work.retries), old


def _again(records: tuple[Record, ...], work: Work, limits: Limits) -> list[Work]:
    is_over = 0 <= limits.retries <= work.retries
    return [] if is_over else [Work(records, work.retries + 1)]
