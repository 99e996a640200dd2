"""Which projects get a bucket for large answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from slsdeploy import large_answers
from tests.functional.test_template import HEAD, project

HTTP, SNS, SQS = ('[[trigger]]\ntype = "' + kind + '"\n' for kind in ("http", "sns", "sqs"))
PUSHED = SNS + '[[trigger]]\ntype = "s3"\n[[trigger]]\ntype = "eventbridge"\npattern = {source = ["a"]}\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HTTP, True),
        ('large_answers = "refuse"\n' + HTTP, False),
        ("", True),  # direct invokes
        (SQS, True),
        (SQS + 'output = "none"\n', False),
        (SQS + 'output = "bucket"\n', False),
        (PUSHED, False),
        (PUSHED + HTTP, True),
        ('[output]\ntype = "sqs"\n' + PUSHED, True),
        ('[output]\ntype = "s3"\n' + PUSHED + SQS, False),
        ('[output]\ntype = "dynamodb"\n' + SQS + 'output = "bucket"\n', False),
        ('[output]\ntype = "s3"\n' + SQS + 'output = "queue"\n', True),
    ],
)
def test_a_bucket_is_where_an_answer_can_be_too_large(text: str, expected: bool, tmp_path: Path) -> None:
    wiring = large_answers.wire(project(HEAD + text, tmp_path))
    assert bool(wiring.resources) == bool(wiring.environment) == bool(wiring.late_statements) == expected


@pytest.mark.parametrize(("text", "expected"), [(HTTP, True), (SQS, False)])
def test_web_pages_may_read_it_where_they_can_be_sent_there(text: str, expected: bool, tmp_path: Path) -> None:
    bucket = large_answers.wire(project(HEAD + text, tmp_path)).resources[large_answers.ID]
    assert ("CorsConfiguration" in bucket["Properties"]) == expected
