"""A batch of SQS messages -> answers sent on, and the partial batch response: the messages that failed, and only those.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
(Powertools' batch processor does as much, runs records one by one, and costs 10-25 ms to import.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slsdeploy_runtime.decode import from_json
from slsdeploy_runtime.encode import to_json
from slsdeploy_runtime.http_body import JSON
from slsdeploy_runtime.request import BadInput, Request
from slsdeploy_runtime.service import Failure, Service

Record = Mapping[str, Any]
Failures = dict[str, Exception]  # by message id

# SendMessageBatch: ten entries, and for all of them together what one message may have on the oldest of queues
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
MAX_ENTRIES, MAX_BATCH_BYTES = 10, 262_144


class NotSent(Exception):
    """SQS took the batch of answers but not this one."""


class AfterFailure(Exception):
    """Not answered, so that its message group keeps its order: an earlier message of the group failed."""


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where answers go: a queue, a bucket, or nowhere ("" for what there is not)."""

    client: Callable[[str], Any]
    queue_url: str
    bucket: str
    is_fifo: bool

    def send(self, answers: Sequence[tuple[Record, bytes]]) -> Failures:
        """Send every answer; return those that could not be sent."""
        if self.queue_url:
            return self._to_queue(answers)
        return self._to_bucket(answers) if self.bucket else {}

    def _to_queue(self, answers: Sequence[tuple[Record, bytes]]) -> Failures:
        client = self.client("sqs")
        failures: Failures = {}
        for portion in _portions(answers):
            entries = [self._entry(str(index), record, body) for index, (record, body) in enumerate(portion)]
            ids = [record["messageId"] for record, _ in portion]
            try:
                failed = client.send_message_batch(QueueUrl=self.queue_url, Entries=entries).get("Failed", [])
                failures.update({ids[int(each["Id"])]: NotSent(each.get("Message", each["Code"])) for each in failed})
            except Exception as error:
                failures.update(dict.fromkeys(ids, error))
        return failures

    def _entry(self, entry_id: str, record: Record, body: bytes) -> dict[str, Any]:
        entry: dict[str, Any] = {"Id": entry_id, "MessageBody": body.decode()}
        if self.is_fifo:  # a message that is delivered again does not answer twice (within five minutes)
            entry["MessageGroupId"] = record["attributes"]["MessageGroupId"]
            entry["MessageDeduplicationId"] = record["messageId"]
        return entry

    def _to_bucket(self, answers: Sequence[tuple[Record, bytes]]) -> Failures:
        client = self.client("s3")
        failures: Failures = {}
        for record, body in answers:
            try:
                client.put_object(Bucket=self.bucket, Key=f"{record['messageId']}.json", Body=body, ContentType=JSON)
            except Exception as error:
                failures[record["messageId"]] = error
        return failures


def answer_batch(records: Sequence[Record], service: Service, outlet: Outlet, *, is_fifo: bool) -> dict[str, Any]:
    """Answer every message it can; return `{"batchItemFailures": [...]}` with the others."""
    requests = [_request(record, service.handler.preprocess is not None) for record in records]
    good = [request for request in requests if isinstance(request, Request)]
    outcomes = iter(service.answer_all(good))
    failures: Failures = {}
    answers: list[tuple[Record, bytes]] = []
    stopped: set[str] = set()  # message groups with a failure: on a FIFO queue nothing behind it may be answered
    for record, request in zip(records, requests, strict=True):
        outcome = next(outcomes) if isinstance(request, Request) else Failure(request)
        group = record["attributes"].get("MessageGroupId", "") if is_fifo else ""
        if is_fifo and group in stopped:
            failures[record["messageId"]] = AfterFailure(f"message group {group!r} waits for an earlier message")
        elif isinstance(outcome, Failure):
            failures[record["messageId"]] = outcome.error
            stopped.add(group)
        else:
            answers.append((record, to_json(_answer(record, outcome.value))))
    failures |= outlet.send(answers)
    for message_id, error in failures.items():
        service.telemetry.failure(error, f"message {message_id}")
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failures]}


def _request(record: Record, is_raw_welcome: bool) -> Request | BadInput:
    """Decode a message's body; text that is not JSON is for a `preprocess` only, as bytes."""
    meta = {
        "message_id": record["messageId"],
        "queue": record["eventSourceARN"],
        "attributes": {name: _value(each) for name, each in record.get("messageAttributes", {}).items()},
        "system_attributes": record["attributes"],
    }
    try:
        return Request(from_json(record["body"]), JSON, "sqs", meta)
    except BadInput as error:
        return Request(record["body"].encode(), "text/plain", "sqs", meta) if is_raw_welcome else error


def _value(attribute: Mapping[str, Any]) -> Any:
    return attribute.get("stringValue", attribute.get("binaryValue"))


def _answer(record: Record, value: Any) -> dict[str, Any]:
    answer = value if isinstance(value, dict) else {"result": value}
    return {**answer, "message_id": record["messageId"]}


def _portions(answers: Sequence[tuple[Record, bytes]]) -> Iterator[list[tuple[Record, bytes]]]:
    portion: list[tuple[Record, bytes]] = []
    size = 0
    for record, body in answers:
        if portion and (len(portion) == MAX_ENTRIES or size + len(body) > MAX_BATCH_BYTES):
            yield portion
            portion, size = [], 0
        portion.append((record, body))
        size += len(body)
    if portion:
        yield portion
