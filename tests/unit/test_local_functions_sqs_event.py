"""What a function's answer to a batch of messages means."""

from __future__ import annotations

import pytest

from slsdeploy.local.functions.destinations import dead_letter_attributes
from slsdeploy.local.functions.s3_event import complete
from slsdeploy.local.functions.sqs_event import failed_ids
from slsdeploy.local.functions.values import Outcome, Request

IDS = ("a", "b", "c")


@pytest.mark.parametrize("answer", ["", "null", "{}", '""', '{"batchItemFailures": []}', '{"batchItemFailures": null}'])
def test_nothing_failed(answer: str) -> None:
    assert failed_ids(answer.encode(), IDS) == set()


def test_some_failed() -> None:
    assert failed_ids(b'{"batchItemFailures": [{"itemIdentifier": "b"}]}', IDS) == {"b"}


@pytest.mark.parametrize(
    "answer",
    [
        "no json",
        "[]",
        "1",
        '{"batchItemFailures": [{"itemIdentifier": ""}]}',
        '{"batchItemFailures": [{"itemIdentifier": null}]}',
        '{"batchItemFailures": [{"itemIdentifier": "z"}]}',
        '{"batchItemFailures": [{"itemidentifier": "a"}]}',
        '{"batchItemFailures": 1}',
    ],
)
def test_an_answer_that_cannot_be_read_fails_everything(answer: str) -> None:
    assert failed_ids(answer.encode(), IDS) == set(IDS)


def test_a_dead_letter_says_why() -> None:
    request = Request("id", b"{}", "arn", "trace")
    for payload, text in ((b'{"errorMessage": "no"}', "no"), (b"plain", "plain"), (b'{"errorMessage": ""}', "-")):
        attributes = dead_letter_attributes(request, Outcome(payload, "Unhandled"))
        assert attributes["ErrorMessage"]["StringValue"] == text


def test_a_removed_object_has_no_size() -> None:
    s3 = {"bucket": {"name": "b"}, "object": {"key": "a%2Fb+c%2B", "size": 1, "eTag": "x"}}
    (record,) = complete({"Records": [{"eventName": "ObjectRemoved:Delete", "s3": s3}]})["Records"]
    assert set(record["s3"]["object"]) == {"key", "sequencer"}
    assert record["s3"]["object"]["key"] == "a/b+c%2B"
