"""Answers of a batch -> sent on to a queue, or written to a bucket, so that within a group none overtakes another that failed.

A queue's answer is a message; a bucket's is the object `<id>.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from slsdeploy_runtime.http_body import JSON

Failures = dict[str, Exception]  # by the record's id

# SendMessageBatch: ten entries, and for all of them together what one message may have on the oldest of queues
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
MAX_ENTRIES, MAX_BATCH_BYTES = 10, 262_144


class NotSent(Exception):
    """SQS took the batch of answers but not this one."""


class AfterFailure(Exception):
    """Not answered, so that its group keeps its order: an earlier record of the group failed."""


class Outgoing(NamedTuple):
    """An answer on its way: the id of the record that it answers, and the group within which it must not be overtaken."""

    id: str
    group: str
    body: bytes


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
        failures: Failures = {}
        stopped: set[str] = set()
        for portion in _portions(answers, self.is_fifo) if self.queue_url else ([each] for each in answers):
            failures |= {each.id: waits(each.group) for each in portion if each.group in stopped}
            ready = [each for each in portion if each.group not in stopped]
            failures |= (self._to_queue if self.queue_url else self._to_bucket)(ready)
            stopped |= {each.group for each in portion if each.id in failures}
        return failures

    def _to_queue(self, answers: Sequence[Outgoing]) -> Failures:
        if not answers:
            return {}
        entries = [self._entry(str(index), each) for index, each in enumerate(answers)]
        try:
            failed = self.client("sqs").send_message_batch(QueueUrl=self.queue_url, Entries=entries).get("Failed", [])
        except Exception as error:
            return {each.id: error for each in answers}
        return {answers[int(each["Id"])].id: NotSent(each.get("Message", each["Code"])) for each in failed}

    def _entry(self, entry_id: str, answer: Outgoing) -> Mapping[str, Any]:
        entry = {"Id": entry_id, "MessageBody": answer.body.decode()}
        if self.is_fifo:  # a message that is delivered again does not answer twice (within five minutes)
            entry |= {"MessageGroupId": answer.group, "MessageDeduplicationId": answer.id}
        return entry

    def _to_bucket(self, answers: Sequence[Outgoing]) -> Failures:
        failures: Failures = {}
        for each in answers:
            try:
                self.client("s3").put_object(
                    Bucket=self.bucket, Key=f"{each.id}.json", Body=each.body, ContentType=JSON
                )
            except Exception as error:
                failures[each.id] = error
        return failures


def waits(group: str) -> AfterFailure:
    """Return why a record is not answered although nothing is wrong with it."""
    return AfterFailure(f"{group!r} waits for an earlier record")


def _portions(answers: Sequence[Outgoing], is_fifo: bool) -> Iterator[list[Outgoing]]:
    """Divide answers into what one call takes; where order counts one of each group: SQS may take an entry and not the one before."""
    portion: list[Outgoing] = []
    size = 0
    for each in answers:
        is_full = len(portion) == MAX_ENTRIES or size + len(each.body) > MAX_BATCH_BYTES
        if portion and (is_full or (is_fifo and any(each.group == other.group for other in portion))):
            yield portion
            portion, size = [], 0
        portion.append(each)
        size += len(each.body)
    if portion:
        yield portion
