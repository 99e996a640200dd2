"""A batch of SQS messages -> answers sent on, and the partial batch response: the messages that failed, and only those.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
(Powertools' batch processor does as much, runs records one by one, and costs 10-25 ms to import.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from slsdeploy_runtime.decode import describe
from slsdeploy_runtime.http_body import JSON
from slsdeploy_runtime.json_text import from_json, to_json
from slsdeploy_runtime.request import BadInput, Request, mismatch
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


class Outgoing(NamedTuple):
    """An answer on its way, with the message that it answers and the group within which it must not be overtaken."""

    record: Record
    group: str
    body: bytes

    @property
    def message_id(self) -> str:
        return str(self.record["messageId"])


class Outlet(NamedTuple):
    """Where answers go: a queue, a bucket, or nowhere ("" for what there is not)."""

    client: Callable[[str], Any]
    queue_url: str
    bucket: str
    is_fifo: bool

    def send(self, answers: Sequence[Outgoing]) -> Failures:
        """Send answers until one of a group fails; return those that could not be sent, and those that wait for them."""
        if not (self.queue_url or self.bucket):
            return {}
        put = self._to_queue if self.queue_url else self._to_bucket
        failures: Failures = {}
        stopped: set[str] = set()
        for portion in _portions(answers):
            failures |= {each.message_id: _waits(each.group) for each in portion if each.group in stopped}
            failures |= put([each for each in portion if each.group not in stopped])
            stopped |= {each.group for each in portion if each.message_id in failures}
        return failures

    def _to_queue(self, answers: Sequence[Outgoing]) -> Failures:
        if not answers:
            return {}
        entries = [self._entry(str(index), each) for index, each in enumerate(answers)]
        try:
            failed = self.client("sqs").send_message_batch(QueueUrl=self.queue_url, Entries=entries).get("Failed", [])
        except Exception as error:
            return {each.message_id: error for each in answers}
        return {answers[int(each["Id"])].message_id: NotSent(each.get("Message", each["Code"])) for each in failed}

    def _entry(self, entry_id: str, answer: Outgoing) -> dict[str, Any]:
        entry: dict[str, Any] = {"Id": entry_id, "MessageBody": answer.body.decode()}
        if self.is_fifo:  # a message that is delivered again does not answer twice (within five minutes)
            entry["MessageGroupId"] = answer.group
            entry["MessageDeduplicationId"] = answer.message_id
        return entry

    def _to_bucket(self, answers: Sequence[Outgoing]) -> Failures:
        client = self.client("s3")
        failures: Failures = {}
        for each in answers:
            try:
                client.put_object(Bucket=self.bucket, Key=f"{each.message_id}.json", Body=each.body, ContentType=JSON)
            except Exception as error:
                failures[each.message_id] = error
        return failures


def check(records: Sequence[Record], is_fifo: bool) -> None:
    """Stumble over what SQS would never send: there is no saying which message failed then."""
    for record in records:
        record["messageId"], record["attributes"]["MessageGroupId"] if is_fifo else record["attributes"]


def answer_batch(records: Sequence[Record], service: Service, outlet: Outlet, *, is_fifo: bool) -> dict[str, Any]:
    """Answer every message it can; return `{"batchItemFailures": [...]}` with the others."""
    requests = [_request(record, service.handler.preprocess is not None) for record in records]
    good = [request for request in requests if isinstance(request, Request)]
    outcomes = iter(service.answer_all(good))
    failures: Failures = {}
    answers: list[Outgoing] = []
    stopped: set[str] = set()  # groups with a failure: nothing behind it may be answered
    for record, request in zip(records, requests, strict=True):
        outcome = next(outcomes) if isinstance(request, Request) else Failure(request)
        # on a queue that keeps no order, each message is a group of its own (the others' groups are for fairness only)
        group = str(record["attributes"]["MessageGroupId"] if is_fifo else record["messageId"])
        if group in stopped:
            failures[record["messageId"]] = _waits(group)
        elif isinstance(outcome, Failure):
            failures[record["messageId"]] = outcome.error
            stopped.add(group)
        else:
            answers.append(Outgoing(record, group, to_json(_answer(record, outcome.value))))
    failures |= outlet.send(answers)
    for message_id, error in failures.items():
        service.telemetry.failure(error, f"message {message_id}")
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failures]}


def _request(record: Record, is_raw_welcome: bool) -> Request | BadInput:
    """Decode a message's body; text that is not JSON is for a `preprocess` only, as bytes."""
    if not isinstance(record.get("body"), str):
        return mismatch("body", describe(record.get("body")), "a text")
    meta = {
        "message_id": record["messageId"],
        "queue": record.get("eventSourceARN", ""),
        "attributes": {name: _value(each) for name, each in (record.get("messageAttributes") or {}).items()},
        "system_attributes": record["attributes"],
    }
    try:
        return Request(from_json(record["body"]), JSON, "sqs", meta)
    except BadInput as error:
        return Request(record["body"].encode(), "text/plain", "sqs", meta) if is_raw_welcome else error


def _value(attribute: Any) -> Any:
    if not isinstance(attribute, Mapping):
        return None
    return attribute.get("stringValue", attribute.get("binaryValue"))


def _answer(record: Record, value: Any) -> dict[str, Any]:
    answer = value if isinstance(value, dict) else {"result": value}
    return {**answer, "message_id": record["messageId"]}


def _waits(group: str) -> AfterFailure:
    return AfterFailure(f"message group {group!r} waits for an earlier message")


def _portions(answers: Sequence[Outgoing]) -> Iterator[list[Outgoing]]:
    """Divide answers into what one call takes; one of each group, since SQS may take an entry and not the one before it."""
    portion: list[Outgoing] = []
    size = 0
    for each in answers:
        is_full = len(portion) == MAX_ENTRIES or size + len(each.body) > MAX_BATCH_BYTES
        if portion and (is_full or any(each.group == other.group for other in portion)):
            yield portion
            portion, size = [], 0
        portion.append(each)
        size += len(each.body)
    if portion:
        yield portion
