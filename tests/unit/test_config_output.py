"""`[output]`: what is wrong with it alone, and beside the triggers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slsdeploy.config import load
from slsdeploy.errors import ConfigError, Problem

HEAD = 'name = "iris"\nmodel = "iris.onnx"\n'
OTHERS = '[[trigger]]\ntype = "http"\n'
ARN = "arn:aws:{}:us-east-1:123456789012:{}"


def read(folder: Path, text: str, **options: Any) -> Any:
    (folder / "slsdeploy.toml").write_text(HEAD + text)
    return load(folder, **{"overrides": {}, "environ": {}, **options})[0].output


def problem(folder: Path, text: str) -> Problem:
    with pytest.raises(ConfigError) as raised:
        read(folder, text)
    (found,) = raised.value.problems
    return found


def test_a_stage_may_have_another(tmp_path: Path) -> None:
    text = '[output]\ntype = "sqs"\n[stages.prod.output]\nqueue = "answers"\n'
    assert read(tmp_path, text).queue is None
    assert read(tmp_path, text, stage="prod").queue == "answers"
    assert read(tmp_path, "") is None


@pytest.mark.parametrize(
    ("text", "key", "message", "hint"),
    [
        ('output = "sqs"', "output", 'found "sqs"; expected a table', ""),
        ("[output]", "output.type", "is missing; expected one of", 'type = "sqs"'),
        ('[output]\ntype = "dynamo"', "output.type", 'found "dynamo"', 'did you mean "dynamodb"?'),
        ('[output]\ntype = "sqs"\nqeue = "a"', "output.qeue", 'an output of type "sqs" has no option "qeue"', "queue"),
        ('[output]\ntype = "sqs"\nmemory = 1', "output.memory", "has no option", "is a key of the file"),
        (f'[output]\ntype = "sqs"\nqueue = "{ARN.format("sns", "a")}"', "output.queue", "the ARN of a queue", ""),
        ('[output]\ntype = "sqs"\nqueue = "a b"', "output.queue", "letters, digits, hyphens and underscores", ""),
        (f'[output]\ntype = "sns"\ntopic = "{ARN.format("sqs", "a")}"', "output.topic", "the ARN of a topic", ""),
        ('[output]\ntype = "sns"\ntopic = "a.fifo"', "output.topic", "expected a standard topic", ""),
        ('[output]\ntype = "s3"\nbucket = "Answers"', "output.bucket", "lower-case letters", ""),
        ('[output]\ntype = "s3"\nbucket = "arn:aws:s3:::a/b"', "output.bucket", "the ARN of a bucket", ""),
        ('[output]\ntype = "dynamodb"\ntable = "a"', "output.table", "3 to 255", ""),
        ('[output]\ntype = "dynamodb"\nexpire_after_days = 0', "output.expire_after_days", "1 to 36500", ""),
        (
            f'[output]\ntype = "dynamodb"\ntable = "{ARN.format("dynamodb", "table/a/stream/x")}"',
            "output.table",
            "the ARN of a table",
            "",
        ),
        ('[output]\ntype = "eventbridge"\nsource = "aws.s3"', "output.source", "do not begin with aws.", ""),
        (
            f'[output]\ntype = "eventbridge"\nbus = "{ARN.format("events", "rule/a")}"',
            "output.bus",
            "the ARN of an event bus",
            "",
        ),
    ],
)
def test_each_mistake_is_told_with_its_place(tmp_path: Path, text: str, key: str, message: str, hint: str) -> None:
    found = problem(tmp_path, f"{text}\n{OTHERS}")
    assert found.key == key
    assert message in found.message
    assert hint in found.hint
    assert found.line >= 3


STREAM = ARN.format("dynamodb", "table/rows/stream/2026-11-21T00:00:00.000")


@pytest.mark.parametrize(
    ("output", "trigger"),
    [
        (
            f'type = "sqs"\nqueue = "{ARN.format("sqs", "rows")}"',
            f'type = "sqs"\nqueue = "{ARN.format("sqs", "rows")}"',
        ),
        (
            f'type = "sns"\ntopic = "{ARN.format("sns", "rows")}"',
            f'type = "sns"\ntopic = "{ARN.format("sns", "rows")}"',
        ),
        ('type = "s3"\nbucket = "arn:aws:s3:::rows"', 'type = "s3"\nbucket = "rows"'),
        (
            f'type = "dynamodb"\ntable = "{ARN.format("dynamodb", "table/rows")}"',
            f'type = "dynamodb"\ntable = "{STREAM}"',
        ),
        ('type = "eventbridge"', 'type = "eventbridge"\npattern = { source = ["slsdeploy", "other"] }'),
    ],
)
def test_answers_do_not_come_back(tmp_path: Path, output: str, trigger: str) -> None:
    found = problem(tmp_path, f"[output]\n{output}\n[[trigger]]\n{trigger}\n")
    assert (found.key, found.message) == ("output", "its answers would come back through trigger[0], without end")


@pytest.mark.parametrize(
    ("output", "trigger"),
    [
        (f'type = "sqs"\nqueue = "{ARN.format("sqs", "rows")}"', 'type = "sqs"\nqueue = "rows"'),
        ('type = "s3"\nbucket = "arn:aws:s3:::rows"\nprefix = "answers/"', 'type = "s3"\nbucket = "rows"'),
        ('type = "s3"\nbucket = "arn:aws:s3:::answers"', 'type = "s3"\nbucket = "rows"'),
        ('type = "eventbridge"', 'type = "eventbridge"'),
        ('type = "eventbridge"\nbus = "answers"', 'type = "eventbridge"\npattern = { source = ["slsdeploy"] }'),
    ],
)
def test_others_may_be_beside_it(tmp_path: Path, output: str, trigger: str) -> None:
    assert read(tmp_path, f"[output]\n{output}\n[[trigger]]\n{trigger}\n") is not None


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    found = problem(tmp_path, '[output]\ntype = "sqs"\nqueue = "rows"\n[[trigger]]\ntype = "sqs"\nqueue = "rows"\n')
    assert (found.key, found.message) == ("output.queue", 'the queue "rows" is created by trigger[0] already')


def test_a_base_that_is_no_reference_is_told_with_its_line(tmp_path: Path) -> None:
    found = problem(tmp_path, '[image]\nbase = "Python:3"\n')
    assert (found.key, found.line) == ("image.base", 4)
    assert "HOST/REPOSITORY:TAG" in found.message
