"""SQS messages to the event that Lambda gives a function, and the function's answer to which of them failed; pure.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from typing import Any


def make_event(messages: Iterable[Any], queue_arn: str) -> dict[str, Any]:
    """Return the event for a batch of moto's messages."""
    return {"Records": [make_record(message, queue_arn) for message in messages]}


def make_record(message: Any, queue_arn: str) -> dict[str, Any]:
    """Return one message as Lambda shows it."""
    attributes = {
        "ApproximateReceiveCount": str(message.approximate_receive_count),
        "SentTimestamp": str(message.sent_timestamp),
        "SenderId": str(message.sender_id),
        "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
    }
    fifo = {
        "SequenceNumber": message.sequence_number,
        "MessageGroupId": message.group_id,
        "MessageDeduplicationId": message.deduplication_id,
    }
    attributes |= {name: str(value) for name, value in fifo.items() if value is not None}
    trace = (message.system_attributes or {}).get("AWSTraceHeader")
    if trace:
        attributes["AWSTraceHeader"] = str(trace["StringValue"])
    record = {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": attributes,
        "messageAttributes": {name: _attribute(value) for name, value in message.message_attributes.items()},
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }
    if message.message_attributes:
        record["md5OfMessageAttributes"] = message.attribute_md5
    return record


def failed_ids(payload: bytes, ids: Sequence[str]) -> set[str]:
    """Return the messages that a partial batch response names as failed; all of them when it cannot be read.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
    """
    everything = set(ids)
    try:
        answer = json.loads(payload) if payload.strip() else None
    except ValueError:
        return everything
    if answer in (None, {}, ""):
        return set()
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if failures is None:
        return set() if isinstance(answer, dict) else everything
    try:
        named = {failure["itemIdentifier"] for failure in failures}
    except (TypeError, KeyError):
        return everything
    return named if named <= everything else everything


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
    if value.get("StringValue") is not None:
        shown["stringValue"] = value["StringValue"]
    binary = value.get("BinaryValue")
    if binary is not None:
        shown["binaryValue"] = base64.b64encode(binary).decode() if isinstance(binary, bytes) else str(binary)
    return shown
