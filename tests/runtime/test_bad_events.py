"""Every recorded event cut off, emptied, with its types swapped and of an unknown version, for every kind of function.

What must hold: an error is one of ours and says something; a caller sees no traceback; a record that goes back neither as failed nor
with an error has been answered; and the next event is answered.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from slsdeploy import plugins
from slsdeploy_runtime import asgi
from tests.runtime import bundles
from tests.runtime.conftest import Function, Serve, recorded

EVENTS = sorted(path.stem for path in (Path(__file__).parents[1] / "events").glob("*.json"))
SOURCES = [*plugins.event_sources()]
GOOD = {"instances": [[1, 2]]}
# what a trigger needs for its events, and what makes Lambda listen to which records failed
OPTIONS: dict[str, dict[str, dict[str, Any]]] = {
    "": {
        "kafka": {"cluster": recorded("kafka_msk")["eventSourceArn"], "topics": ["rows"], "minimum_pollers": 1},
        "schedule": {"input": GOOD},
    },
    "kafka_self_managed": {"kafka": {"bootstrap_servers": ["b:9092"], "topics": ["rows"], "minimum_pollers": 1}},
    "sqs_fifo": {"sqs": {"queue": "rows.fifo"}},
}
# a function as it is, one whose module takes whatever there is, and an application
TAKES_ALL = """
import numpy as np

def preprocess(request):
    return {"x": np.ones((1, 2), np.float32)}
"""
APPLICATION = """
from fastapi import FastAPI, Request

app = FastAPI()

@app.post("/{path:path}")
async def count(path: str, request: Request):
    return len(await request.body())
"""
OUTPUT = {
    "module": "slsdeploy_runtime.outputs.s3",
    "options": {"type": "s3", "bucket": "arn:aws:s3:::answers", "prefix": ""},
}
KINDS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "a module": {"handler": TAKES_ALL},
    "an application": {"handler": APPLICATION, "application": "app"},
    "answers sent on": {"output": OUTPUT},
}
OURS = {
    *("answered", "BadInput", "BadEvent", "UnknownEvent", "EventsFailed", "ObjectsFailed", "NoNotification"),
    *("Unreadable", "BatchFailed", "PoisonRecord"),
}

SWAPPED: dict[type, Any] = {str: 7, int: "seven", float: [], bool: "true", list: {}, dict: [], type(None): {"a": 1}}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything in an event, the event itself first."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def changed(event: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = deepcopy(event)
    within = copy
    for key in path[:-1]:
        within = within[key]
    within[path[-1]] = new
    return copy


def without(event: Any, path: tuple[Any, ...]) -> Any:
    copy = deepcopy(event)
    within = copy
    for key in path[:-1]:
        within = within[key]
    del within[path[-1]]
    return copy


def at(event: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        event = event[key]
    return event


def mutants(event: Any) -> Iterator[tuple[str, Any]]:
    """Yield what may go wrong with an event on its way, with a word for it."""
    for path in places(event):
        where = ".".join(map(str, path))
        found = at(event, path)
        yield f"swapped {where}", changed(event, path, deepcopy(SWAPPED[type(found)]))
        yield f"null {where}", changed(event, path, None)
        if path:
            yield f"without {where}", without(event, path)
        if isinstance(found, str | list | dict) and found:
            yield f"emptied {where}", changed(event, path, type(found)())
        if isinstance(found, str) and len(found) > 1:
            yield f"truncated {where}", changed(event, path, found[: len(found) // 2])
        if path and "version" in str(path[-1]).lower():
            yield f"unknown version {where}", changed(event, path, "99.0")


class Aws:
    """The clients of SQS and S3: every object is a good request, `answered` counts what is sent and written."""

    def __init__(self) -> None:
        self.answered = 0

    def send_message_batch(self, **call: Any) -> dict[str, Any]:
        self.answered += len(call["Entries"])
        return {}

    def get_object(self, **call: Any) -> dict[str, Any]:
        return {"Body": io.BytesIO(json.dumps(GOOD).encode()), "ContentType": "application/json"}

    def put_object(self, **call: Any) -> None:
        self.answered += 1


def counted_as_done(event: Any, answer: Any) -> int:
    """Return how many records AWS will not send again after this answer, but those that nothing is asked with."""
    failed = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
    if "written" in answer:
        return len(answer["written"])
    if "records" in event:  # Kafka: an offset of each partition; an unknown partition brings all of them back
        whole = not {each["partition"] for each in failed} <= event["records"].keys()
        parts = [] if whole else [[each["offset"] for each in part] for part in event["records"].values()]
        stops = {each["partition"]: each["offset"] for each in failed}
        ends = [stops.get(partition) for partition in event["records"]]
        return sum(len(part) if end is None else part.index(end) for part, end in zip(parts, ends, strict=False))
    records = [each for each in event["Records"] if each.get("eventName") != "REMOVE"]
    if records[0]["eventSource"] == "aws:sqs":
        return len(records) - len(failed)
    numbers = [each.get("kinesis", each.get("dynamodb", {})) for each in records]
    ids = [each.get("sequenceNumber", each.get("SequenceNumber")) for each in numbers]
    return min([ids.index(each) for each in failed], default=len(ids))


def ask(function: Function, event: Any, aws: Aws) -> str:
    """Return how an event ended: "answered", or the name of what was raised; or what is wrong with that."""
    aws.answered = 0
    given = deepcopy(event)
    try:
        answer = function(event)
    except Exception as error:
        return type(error).__name__ if str(error) else "an error that says nothing"
    if "Traceback" in json.dumps(answer, allow_nan=False):
        return "a traceback"
    if isinstance(answer, Mapping) and "batchItemFailures" in answer:
        done = counted_as_done(given, answer)
        return "answered" if done <= aws.answered else f"{done} records are done, {aws.answered} answered"
    status = answer.get("statusCode", 200) if isinstance(answer, Mapping) else 200
    return "answered" if status < 500 else f"HTTP {status}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", EVENTS)
def test_whatever_is_wrong_with_an_event_is_said_and_the_next_one_works(
    name: str, kind: str, serve: Serve, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {**OPTIONS[""], **OPTIONS.get(name, {})}
    aws, recording = Aws(), recorded(name)
    for source in SOURCES if kind != "answers sent on" else ():
        monkeypatch.setenv(f"SLSDEPLOY_{source.upper()}TRIGGER_OUTPUT_QUEUE_URL", "the queue")
    events = [bundles.event(source, **options.get(source, {})) for source in SOURCES]
    function = serve(events=events, client=lambda service: aws, **KINDS[kind])
    ends: dict[str, list[str]] = {}
    try:
        for what, event in mutants(recording):
            ends.setdefault(ask(function, event, aws), []).append(what)
            capsys.readouterr()
        assert ask(function, recording, aws) == "answered"
        # none of them is a mistake of ours that shows as one of Python's own
        assert {end: found[:5] for end, found in ends.items() if end not in OURS} == {}
        assert function(GOOD) == {"predictions": [[2.0, 4.0]]} or kind == "a module"
    finally:
        asgi.stop()
