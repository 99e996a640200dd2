"""Requests that were pushed and wait for no answer (SNS, EventBridge, schedules) -> predicted together; what fails is raised.

What is raised makes Lambda try the event again, and keep it at last (`asynchronous.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slsdeploy_runtime.batch import Item, answer_items
from slsdeploy_runtime.http_body import JSON
from slsdeploy_runtime.json_text import from_json
from slsdeploy_runtime.outlet import Outlet
from slsdeploy_runtime.request import BadInput, Request
from slsdeploy_runtime.service import Service


class EventsFailed(Exception):
    """Some requests of an event got no prediction; the log says why for each."""


def request_of(text: str, source: str, meta: dict[str, Any], is_raw_welcome: bool) -> Request | BadInput:
    """Decode a text; one that is not JSON is for a `preprocess` only, as bytes."""
    try:
        return Request(from_json(text), JSON, source, meta)
    except BadInput as error:
        return Request(text.encode(), "text/plain", source, meta) if is_raw_welcome else error


def answer_pushed(
    items: Sequence[Item], service: Service, outlet: Outlet, label: str, model: str | None = None
) -> list[Any]:
    """Return the answer to each request, and send it on. Raises the error of a single one, or EventsFailed.

    What was answered before is not again: its former answer is returned, or None where that was sent on.
    """
    # what is only returned would be lost if we were killed between the mark and the return
    answered = answer_items(items, service, outlet, label, model, keeps=outlet.way is None)
    failures = list(answered.failures.values())
    if failures and len(items) == 1:
        raise failures[0]
    if failures:
        raise EventsFailed(f"{len(failures)} of {len(items)} failed; the first: {failures[0]}") from failures[0]
    answers = {**answered.former, **answered.answers}
    return [answers[item.id] for item in items]
