"""A batch of SQS messages -> answers sent on, and the partial batch response: the messages that failed, and only those.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slsdeploy_runtime.batch import Item, answer_items, attempt, decoded, read_all, text
from slsdeploy_runtime.outlet import Outlet
from slsdeploy_runtime.request import BadInput, Request
from slsdeploy_runtime.service import Service

Record = Mapping[str, Any]


def answer_batch(
    records: Sequence[Record], service: Service, outlet: Outlet, *, is_fifo: bool, model: str | None
) -> dict[str, Any]:
    """Answer every message it can; return `{"batchItemFailures": [...]}` with the others. They are for `model`, if it is one."""

    def read(record: Record) -> Item:
        message_id = text(record["messageId"])
        # on a queue that keeps no order, each message is a group of its own (the others' groups are for fairness only)
        group = str(record["attributes"]["MessageGroupId"] if is_fifo else message_id)
        keys = [f"sqs {record.get('eventSourceARN', '')} {message_id}"]
        return Item(message_id, group, attempt(lambda: _request(record, service)), {"message_id": message_id}, keys)

    failures = answer_items(read_all(records, read), service, outlet, "message {}", model).failures
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failures]}


def _request(record: Record, service: Service) -> Request:
    """Decode a message's body; text that is not JSON is for a `preprocess` only, as bytes. Raises BadInput."""
    body = record.get("body")
    if not isinstance(body, str):
        raise BadInput(f"body: found {type(body).__name__}, expected a text", field="body")
    meta = {
        "message_id": record["messageId"],
        "queue": record["eventSourceARN"],
        "attributes": {name: _value(each) for name, each in record.get("messageAttributes", {}).items()},
        "system_attributes": record["attributes"],
    }
    return decoded(body, "sqs", meta, service)


def _value(attribute: Mapping[str, Any]) -> Any:
    return attribute.get("stringValue", attribute.get("binaryValue"))
