"""Messages on a queue while function processes are killed at random: each is answered, or in the dead-letter queue; none is lost.

300 messages with the suite; SLSDEPLOY_SOAK_MESSAGES=20000 for the long run. The counts are printed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_streams import BAD, FLOWER, Desk

MESSAGES = int(os.environ.get("SLSDEPLOY_SOAK_MESSAGES", "300"))
EVERY = 50  # one message of so many is poison
SECONDS = 120 + MESSAGES / 10
TOML = """timeout = 1
[[trigger]]
type = "sqs"
max_receive_count = 4
batch_size = 10
"""
pytestmark = pytest.mark.e2e


class Reader(threading.Thread):
    """Takes everything from a queue, and counts it by the number that each message was sent with."""

    def __init__(self, client: Any, url: str, key: str) -> None:
        super().__init__(daemon=True)
        self.counts: dict[str, int] = {}
        self.is_done = False
        self._client, self._url, self._key = client, url, key

    def run(self) -> None:
        while not self.is_done:
            answer = self._client.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                number = str(json.loads(message["Body"])[self._key])
                self.counts[number] = self.counts.get(number, 0) + 1
                self._client.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])


@contextmanager
def reading(client: Any, url: str, key: str) -> Iterator[Reader]:
    reader = Reader(client, url, key)
    reader.start()
    yield reader
    reader.is_done = True
    reader.join(10)


def send(client: Any, url: str) -> dict[str, str]:
    """Send every message; return the numbers by message id."""
    sent: dict[str, str] = {}
    for start in range(0, MESSAGES, 10):
        numbers = range(start, min(start + 10, MESSAGES))
        entries = [
            {
                "Id": str(n),
                "MessageBody": json.dumps({"instances": [BAD if n % EVERY == 0 else FLOWER], "number": n}),
            }
            for n in numbers
        ]
        found = client.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]
        sent |= {each["MessageId"]: each["Id"] for each in found}
    return sent


def kill_one(endpoint: str, function: str, chance: random.Random) -> int:
    """Kill one process of the function, if it has any; return how many were killed."""
    import urllib3

    described = urllib3.request("GET", f"{endpoint}/_slsdeploy/status", timeout=10).json()["functions"]
    pids = [one["pid"] for each in described if each["name"] == function for one in each["environments"] if one["pid"]]
    if not pids:
        return 0
    try:
        os.kill(chance.choice(pids), signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1


def test_no_message_is_lost_while_processes_are_killed(
    local_aws: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Desk(tmp_path / "iris", local_aws.endpoint, local_aws.name("soak"))
    upped = desk.up(TOML)
    outputs, sqs = upped.outputs, local_aws.client("sqs")
    chance, killed, begun = random.Random(4), 0, time.monotonic()
    answers = reading(local_aws.client("sqs"), outputs["OutputQueueUrl"], "message_id")
    dead_letters = reading(local_aws.client("sqs"), outputs["DeadLetterQueueUrl"], "number")
    with answers as answered, dead_letters as dead:
        sent = send(sqs, outputs["QueueUrl"])
        while time.monotonic() - begun < SECONDS:
            found = {sent[message_id] for message_id in list(answered.counts)} | set(list(dead.counts))
            if len(found) == MESSAGES:
                break
            killed += kill_one(local_aws.endpoint, upped.function_name, chance)
            time.sleep(0.3)
    numbers = {sent[message_id] for message_id in answered.counts}
    told = {
        "messages": MESSAGES,
        "answered": len(numbers),
        "answered more than once": sum(count > 1 for count in answered.counts.values()),
        "dead letters": len(dead.counts),
        "both": len(numbers & set(dead.counts)),
        "lost": MESSAGES - len(numbers | set(dead.counts)),
        "processes killed": killed,
        "seconds": round(time.monotonic() - begun, 1),
    }
    with capsys.disabled():
        print(f"\nsoak: {told}")
    assert told["lost"] == 0
    assert killed > 0
    poison = {str(n) for n in range(0, MESSAGES, EVERY)}
    assert poison <= set(dead.counts) and not poison & numbers


def test_with_idempotent_each_message_has_one_answer(
    local_aws: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Desk(tmp_path / "iris", local_aws.endpoint, local_aws.name("once"))
    # the table is asked twice for each message: a second is not enough where much else is going on
    slower = TOML.replace("timeout = 1", "timeout = 2").replace("max_receive_count = 4", "max_receive_count = 6")
    upped = desk.up(f'idempotent = true\n{slower}output = "bucket"\n')
    outputs, sqs, s3 = upped.outputs, local_aws.client("sqs"), local_aws.client("s3")
    bucket = outputs["OutputBucket"]
    # each time that an answer is written is a version: one that is written again shows
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    chance, killed, begun = random.Random(5), 0, time.monotonic()
    with reading(local_aws.client("sqs"), outputs["DeadLetterQueueUrl"], "number") as dead:
        sent = send(sqs, outputs["QueueUrl"])
        while time.monotonic() - begun < SECONDS:
            numbers = {sent[key.removesuffix(".json")] for key in keys(s3, bucket)}
            if len(numbers | set(list(dead.counts))) == MESSAGES:
                break
            for _ in range(1 + MESSAGES // 1000):  # to count 20,000 objects takes seconds
                killed += kill_one(local_aws.endpoint, upped.function_name, chance)
                time.sleep(1)
    written = versions(s3, bucket)
    numbers = {sent[key.removesuffix(".json")] for key in written}
    told = {
        "messages": MESSAGES,
        "answered": len(numbers),
        "answered, killed and answered again, which nobody sees": sum(count > 1 for count in written.values()),
        "dead letters": len(dead.counts),
        "both": len(numbers & set(dead.counts)),
        "lost": MESSAGES - len(numbers | set(dead.counts)),
        "processes killed": killed,
        "seconds": round(time.monotonic() - begun, 1),
    }
    with capsys.disabled():
        print(f"\nsoak, idempotent: {told}")
    assert told["lost"] == 0
    assert killed > 0
    poison = {str(n) for n in range(0, MESSAGES, EVERY)}
    assert poison <= set(dead.counts) and not poison & numbers
    assert sum(written.values()) - len(written) <= 10 * killed  # no more than the batches that were killed


def keys(client: Any, bucket: str) -> list[str]:
    """Return the keys of a bucket's objects."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [each["Key"] for page in pages for each in page.get("Contents", [])]


def versions(client: Any, bucket: str) -> dict[str, int]:
    """Return how often each object of a bucket was written."""
    counts: dict[str, int] = {}
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for each in page.get("Versions", []):
            counts[each["Key"]] = counts.get(each["Key"], 0) + 1
    return counts
