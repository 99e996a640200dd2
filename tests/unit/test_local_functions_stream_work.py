"""What becomes of a stream's batch after an invocation, as a table."""

from __future__ import annotations

import json
from typing import Any

import pytest

from slsdeploy.local.functions.stream_work import Limits, Record, Work, after_failure, failed_at, without_old

RECORDS = tuple(Record(str(number), 100.0 + number, "k", {}) for number in range(5))
BOTH = Limits(retries=2, bisects=True, reports_items=True)
PLAIN = Limits(retries=2, reports_items=True)


def named(*works: Work) -> list[tuple[str, int]]:
    return [("".join(record.sequence for record in work.records), work.retries) for work in works]


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        (b"", None),
        (b"null", None),
        (b"{}", None),
        (b'""', None),
        (b'{"batchItemFailures": []}', None),
        (b'{"batchItemFailures": null}', None),
        (b'{"other": 1}', None),
        (b'{"batchItemFailures": [{"itemIdentifier": "3"}, {"itemIdentifier": "1"}]}', 1),
        (b'{"batchItemFailures": [{"itemIdentifier": ""}]}', 0),
        (b'{"batchItemFailures": [{"itemIdentifier": null}]}', 0),
        (b'{"batchItemFailures": [{"itemIdentifier": []}]}', 0),
        (b'{"batchItemFailures": [{"id": "1"}]}', 0),
        (b'{"batchItemFailures": [{"itemIdentifier": "9"}]}', 0),
        (b'{"batchItemFailures": 5}', 0),
        (b"[1]", 0),
        (b"no JSON", 0),
    ],
)
def test_where_a_batch_stopped_is_read_as_aws_does(answer: bytes, place: int | None) -> None:
    assert failed_at(answer, RECORDS) == place


@pytest.mark.parametrize(
    ("retries", "place", "is_error", "limits", "again"),
    [
        (0, 0, True, PLAIN, [("01234", 1)]),
        (2, 0, True, PLAIN, []),
        (99, 0, True, Limits(), [("01234", 100)]),
        (0, 3, False, PLAIN, [("34", 1)]),
        (2, 3, False, PLAIN, []),
        (2, 0, True, BOTH, [("012", 2), ("34", 2)]),  # splitting uses up no tries
        (2, 3, False, BOTH, [("34", 2)]),
        (2, 0, False, BOTH, []),
        (1, 0, False, BOTH, [("01234", 2)]),
    ],
)
def test_what_is_tried_again(
    retries: int, place: int, is_error: bool, limits: Limits, again: list[tuple[str, int]]
) -> None:
    assert named(*after_failure(Work(RECORDS, retries), place, is_error, limits)) == again


def test_a_single_record_is_not_split() -> None:
    assert named(*after_failure(Work(RECORDS[:1], 0), 0, True, BOTH)) == [("0", 1)]
    assert after_failure(Work(RECORDS[:1], 2), 0, True, BOTH) == []


def test_records_that_are_too_old_are_told_apart() -> None:
    young, old = without_old(Work(RECORDS, 1), 112.0, Limits(age=10))
    assert (named(young), [record.sequence for record in old]) == ([("234", 1)], ["0", "1"])
    assert without_old(Work(RECORDS), 1e9, Limits()) == (Work(RECORDS), ())


def test_an_answer_of_any_json_is_no_crash() -> None:
    answers: list[Any] = [5, True, [[]], {"batchItemFailures": {"a": 1}}, {"batchItemFailures": [None]}, "x"]
    for answer in answers:
        assert failed_at(json.dumps(answer).encode(), RECORDS) == 0
