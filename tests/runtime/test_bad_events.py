"""Every recorded event cut off, emptied, with its types swapped and of an unknown version: a clear error, and the next one works."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from slsdeploy import plugins
from tests.runtime import bundles
from tests.runtime.conftest import Function, Serve, recorded

EVENTS = sorted(path.stem for path in (Path(__file__).parents[1] / "events").glob("*.json"))
SOURCES = [*plugins.event_sources()]
REQUIRED: dict[str, dict[str, Any]] = {
    "kafka": {"cluster": recorded("kafka_msk")["eventSourceArn"], "topics": ["rows"]}
}
OURS = {
    *("answered", "BadInput", "BadEvent", "UnknownEvent", "EventsFailed", "ObjectsFailed", "NoNotification"),
    *("Unreadable", "BatchFailed", "PoisonRecord"),
}
GOOD = {"instances": [[1, 2]]}
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


def ask(function: Function, event: Any) -> str:
    """Return how an event ended: "answered", or the name of what was raised; what is answered must be JSON."""
    try:
        answer = function(event)
    except Exception as error:
        return type(error).__name__ if str(error) else "an error that says nothing"
    json.dumps(answer, allow_nan=False)
    status = answer.get("statusCode", 200) if isinstance(answer, dict) else 200
    return "answered" if status < 500 else f"HTTP {status}"


@pytest.fixture
def function(serve: Serve, aws: None) -> Function:
    """A function with every event source there is."""
    return serve(events=[bundles.event(source, **REQUIRED.get(source, {})) for source in SOURCES])


@pytest.mark.parametrize("name", EVENTS)
def test_whatever_is_wrong_with_an_event_is_said_and_the_next_one_works(
    name: str, function: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    ends: dict[str, list[str]] = {}
    for what, event in mutants(recorded(name)):
        ends.setdefault(ask(function, event), []).append(what)
        capsys.readouterr()
    # none of them is a mistake of ours that shows as one of Python's own
    assert {end: found[:5] for end, found in ends.items() if end not in OURS} == {}
    assert function(GOOD) == {"predictions": [[2.0, 4.0]]}
