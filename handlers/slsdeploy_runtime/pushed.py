"""Requests that were pushed and wait for no answer (SNS, EventBridge, schedules) -> predicted together; what fails is raised.

What is raised makes Lambda try the event again, and keep it at last (`failed_events.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from slsdeploy_runtime.http_body import JSON
from slsdeploy_runtime.json_text import from_json, to_json
from slsdeploy_runtime.request import BadInput, Request
from slsdeploy_runtime.service import Failure, Service

if TYPE_CHECKING:
    from slsdeploy_runtime.once import Once

Asked = Request | BadInput


class EventsFailed(Exception):
    """Some requests of an event got no prediction; the log says why for each."""


def request_of(text: str, source: str, meta: dict[str, Any], is_raw_welcome: bool) -> Asked:
    """Decode a text; one that is not JSON is for a `preprocess` only, as bytes."""
    try:
        return Request(from_json(text), JSON, source, meta)
    except BadInput as error:
        return Request(text.encode(), "text/plain", source, meta) if is_raw_welcome else error


def for_model(asked: Sequence[Asked], model: str | None) -> list[Asked]:
    """Put requests to a model, if one is named."""
    return [each._replace(model=model or "") if isinstance(each, Request) else each for each in asked]


def answer_pushed(asked: Sequence[Asked], service: Service, ids: Sequence[str], keys: Sequence[str]) -> list[Any]:
    """Return the answer to each request; `ids` say in the log which is meant. Raises the error of a single one, or EventsFailed.

    `keys` tell each from any other event ("": nothing does). What was answered
    before is not predicted again: the former answer is returned.
    """
    answers: dict[int, Any] = {}
    if service.once is None:
        failures = _answer(asked, range(len(asked)), service, answers)
    else:
        failures = _answer_once(service.once, asked, keys, service, answers)
    for index, error in failures.items():
        service.telemetry.failure(error, ids[index])
    if failures and len(asked) == 1:
        raise failures[0]
    for first in failures.values():
        raise EventsFailed(f"{len(failures)} of {len(asked)} failed; the first: {first}") from first
    return [answers[index] for index in range(len(asked))]


def _answer_once(
    once: Once, asked: Sequence[Asked], keys: Sequence[str], service: Service, answers: dict[int, Any]
) -> dict[int, Exception]:
    """Answer those that were not answered before. What is sent nowhere is kept with the mark, or it would be lost between the two."""
    from slsdeploy_runtime.once import Unit

    kept: dict[int, str | None] = {}

    def work(indices: Sequence[int]) -> dict[int, Exception]:
        failures = _answer(asked, indices, service, answers)
        kept.update({index: to_json(answers[index]).decode() for index in indices if index in answers})
        return failures

    units = [Unit(index, str(index), [key] if key else []) for index, key in enumerate(keys)]
    failures = once.run(units, work, kept)
    answers.update({index: from_json(text) if text else None for index, text in kept.items() if index not in answers})
    return failures


def _answer(
    asked: Sequence[Asked], indices: Sequence[int], service: Service, answers: dict[int, Any]
) -> dict[int, Exception]:
    """Answer those requests, or say why not."""
    failures: dict[int, Exception] = {}
    outcomes = iter(service.answer_all([each for index in indices if isinstance(each := asked[index], Request)]))
    for index in indices:
        each = asked[index]
        outcome = next(outcomes) if isinstance(each, Request) else Failure(each)
        if isinstance(outcome, Failure):
            failures[index] = outcome.error
        else:
            answers[index] = outcome.value
    return failures
