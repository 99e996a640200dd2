"""Requests that were pushed and wait for no answer (SNS, EventBridge, schedules) -> predicted together; what fails is raised.

What is raised makes Lambda try the event again, and keep it at last (`failed_events.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slsdeploy_runtime.http_body import JSON
from slsdeploy_runtime.json_text import from_json
from slsdeploy_runtime.request import BadInput, Request
from slsdeploy_runtime.service import Failure, Service

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


def answer_pushed(asked: Sequence[Asked], service: Service, ids: Sequence[str]) -> list[Any]:
    """Return the answer to each request; `ids` say in the log which is meant. Raises the error of a single one, or EventsFailed."""
    outcomes = iter(service.answer_all([each for each in asked if isinstance(each, Request)]))
    answers: list[Any] = []
    failures: list[Exception] = []
    for each, which in zip(asked, ids, strict=True):
        outcome = next(outcomes) if isinstance(each, Request) else Failure(each)
        if isinstance(outcome, Failure):
            service.telemetry.failure(outcome.error, which)
            failures.append(outcome.error)
        else:
            answers.append(outcome.value)
    if failures and len(asked) == 1:
        raise failures[0]
    if failures:
        raise EventsFailed(f"{len(failures)} of {len(asked)} failed; the first: {failures[0]}") from failures[0]
    return answers
