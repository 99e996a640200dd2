"""Records of a batch, of a queue or a stream -> answers sent on, and which records failed: the poison ones, and what waits for them.

(Powertools' batch processor does as much, runs records one by one, and costs 10-25 ms to import.)
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from slsdeploy_runtime.http_body import JSON
from slsdeploy_runtime.json_text import from_json, to_json
from slsdeploy_runtime.outlet import AfterFailure, Failures, Outgoing, Outlet, Sent, waits
from slsdeploy_runtime.request import BadInput, Request
from slsdeploy_runtime.service import Failure, Service

if TYPE_CHECKING:
    from slsdeploy_runtime.once import Once


class Unreadable(Exception):
    """A batch with a record that does not say which one it is: nothing of it can be answered or given back."""


class Item(NamedTuple):
    """A record: its id, the group that keeps its order, what is asked (or why it cannot be read), what its answer says beside.

    `keys` tell it from all others of whatever queue, stream or bucket when it comes again (none: nothing does).
    """

    id: str
    group: str
    request: Request | Exception
    about: Mapping[str, Any]
    keys: Sequence[str] = ()


class Answered(NamedTuple):
    """What became of records, by their ids and in their order: the answers that were sent on, and why others were not.

    `former` has those that were answered before: with their answers, if those were kept, or None.
    """

    answers: Mapping[str, Any]
    failures: Failures
    former: Mapping[str, Any] = {}


def answer_items(
    items: Sequence[Item], service: Service, outlet: Outlet, label: str, model: str | None = None, keeps: bool = False
) -> Answered:
    """Answer every record it can, by that model if one is named, and send the answers on.

    `label` is what the log calls a record: "message {}", with its id. With `keeps`, what is to be answered once has its answer kept for
    when it comes again: where it is sent nowhere.
    """

    def answer(some: Sequence[Item], sent: Sent | None = None) -> Answered:
        return _answer(some, service, outlet, model, sent)

    answered = answer(items) if service.once is None else _answer_once(service.once, items, answer, keeps)
    failures = answered.failures
    for record_id, error in failures.items():
        if not isinstance(error, AfterFailure):
            service.telemetry.failure(error, label.format(record_id))
    waiting = sum(isinstance(error, AfterFailure) for error in failures.values())
    if waiting:
        service.telemetry.warning(
            "records wait for an earlier one that failed", where=label.format("").strip(), count=waiting
        )
    return answered._replace(failures={item.id: failures[item.id] for item in items if item.id in failures})


def _answer_once(
    once: Once, items: Sequence[Item], answer: Callable[[Sequence[Item], Sent | None], Answered], keeps: bool
) -> Answered:
    """Answer those that were not answered before."""
    from slsdeploy_runtime.once import Unit

    by_id = {item.id: item for item in items}
    answers: dict[str, Any] = {}
    kept: dict[str, str | None] = {}

    def work(ids: Sequence[str], done: Sent) -> Failures:
        answered = answer([by_id[each] for each in ids], done)
        answers.update(answered.answers)
        if keeps:
            kept.update({each: to_json(value).decode() for each, value in answered.answers.items()})
        return answered.failures

    failures = once.run([Unit(item.id, item.group, item.keys) for item in items], work, kept)
    former = {each: from_json(text) if text else None for each, text in kept.items() if each not in answers}
    return Answered(answers, failures, former)


def _answer(items: Sequence[Item], service: Service, outlet: Outlet, model: str | None, sent: Sent | None) -> Answered:
    good = [item.request for item in items if isinstance(item.request, Request)]
    good = [request._replace(model=model) if model else request for request in good]
    outcomes = iter(service.answer_all(good))
    failures: Failures = {}
    values: dict[str, Any] = {}
    answers: list[Outgoing] = []
    stopped: set[str] = set()  # groups with a failure: nothing behind it may be answered
    for item in items:
        outcome = next(outcomes) if isinstance(item.request, Request) else Failure(item.request)
        if item.group in stopped:
            failures[item.id] = waits(item.group)
        elif isinstance(outcome, Failure):
            failures[item.id] = outcome.error
            stopped.add(item.group)
        else:
            values[item.id] = outcome.value
            answers.append(outlet.outgoing(item.id, item.group, outcome.value, item.about))
    failures |= outlet.send(answers, sent)
    return Answered({key: value for key, value in values.items() if key not in failures}, failures)


def read_all(records: Any, read: Callable[[Any], Item]) -> list[Item]:
    """Read every record. Raises Unreadable for one without what identifies it."""
    items = []
    for index, record in enumerate(records):
        try:
            items.append(read(record))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise Unreadable(
                f"record {index} is not one of this event source: {type(error).__name__}: {error}"
            ) from error
    return items


def text(value: Any) -> str:
    """Return what identifies a record. Raises ValueError for what cannot."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"found {value!r} for what identifies it")
    return value


def attempt(make: Callable[[], Request]) -> Request | Exception:
    """Return the request, or what is wrong with it: the record's own failure."""
    try:
        return make()
    except Exception as error:
        return error


def decoded(body: str | bytes, source: str, meta: Mapping[str, Any], service: Service) -> Request:
    """Return what a body asks: JSON, or with a `preprocess` whatever it is, as bytes. Raises BadInput."""
    try:
        return Request(from_json(body), JSON, source, meta)
    except BadInput:
        if service.handler.preprocess is None:
            raise
        kind = "text/plain" if isinstance(body, str) else "application/octet-stream"
        return Request(body.encode() if isinstance(body, str) else body, kind, source, meta)


def first_of_each_group(items: Sequence[Item], failures: Failures) -> list[Item]:
    """Return the first failed record of each group: where a stream is taken up again."""
    found: dict[str, Item] = {}
    for item in items:
        if item.id in failures:
            found.setdefault(item.group, item)
    return list(found.values())


def base64_decoded(text: Any, field: str) -> bytes:
    """Return the bytes that a stream's record carries. Raises BadInput."""
    if not isinstance(text, str):
        raise BadInput(f"{field}: found {type(text).__name__}, expected base64", field=field)
    try:
        return b64decode(text, validate=True)
    except ValueError as error:
        raise BadInput(f"{field}: not base64: {error}", field=field) from None
