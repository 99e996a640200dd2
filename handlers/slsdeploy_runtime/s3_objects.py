"""Objects of S3 -> predictions in S3, or where `[output]` says: read, predict together, write each result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from slsdeploy_runtime import s3_event
from slsdeploy_runtime.batch import Item, answer_items
from slsdeploy_runtime.http_body import JSON, media_type
from slsdeploy_runtime.json_text import from_json
from slsdeploy_runtime.outlet import Outlet
from slsdeploy_runtime.request import Request
from slsdeploy_runtime.s3_answers import Objects
from slsdeploy_runtime.s3_event import Arrivals, Place
from slsdeploy_runtime.service import Service

if TYPE_CHECKING:
    from slsdeploy_runtime.events.s3 import Trigger
    from slsdeploy_runtime.s3_tables import Table


class ObjectsFailed(Exception):
    """Some objects got no prediction; the log says why for each."""


class Attempted(NamedTuple):
    """What became of objects: the results written and the objects skipped, as s3:// URIs, and the errors of those that failed.

    `tables` is what there is to say of those that were predicted row by row.
    """

    written: Sequence[str]
    skipped: Sequence[str]
    failures: Mapping[Place, Exception]
    tables: Sequence[Mapping[str, Any]] = ()

    @property
    def answer(self) -> dict[str, Any]:
        said: dict[str, Any] = {"written": [*self.written], "skipped": [*self.skipped]}
        return {**said, "tables": [*self.tables]} if self.tables else said


class Results(NamedTuple):
    """The results' bucket ("": that of the object) and prefix, and the client that reads and writes."""

    client: Any
    bucket: str
    prefix: str

    def place(self, of: str) -> Place:
        """Return where the result of an object is, by its `BUCKET/KEY`."""
        bucket, _, key = of.partition("/")
        return self.bucket or bucket, f"{self.prefix}{key}.json"


class Work(NamedTuple):
    """What objects are predicted for: the trigger, its results' place, and the outlet that answers take (the results', or `[output]`)."""

    trigger: Trigger
    results: Results
    outlet: Outlet
    time_left: Callable[[], int] | None


def work(service: Service, trigger: Trigger, output_bucket: str, outlet: Outlet, context: Any) -> Work:
    """Return it; `outlet` is the project's output, if that is where its answers go."""
    results = Results(service.client("s3"), output_bucket, trigger.output_prefix)
    time_left = getattr(context, "get_remaining_time_in_millis", None)
    return Work(
        trigger,
        results,
        outlet if outlet.prefix else Outlet(Objects(results.client, results.place), service),
        time_left,
    )


def predict_objects(objects: Arrivals, service: Service, work: Work) -> dict[str, Any]:
    """Write the prediction of every object; return the keys written and skipped. Raises ObjectsFailed after the last."""
    attempted = predict(objects, service, work)
    for (bucket, key), first in attempted.failures.items():
        count = f"{len(attempted.failures)} of {len(objects)}"
        raise ObjectsFailed(f"{count} failed; s3://{bucket}/{key}: {first}") from first
    return attempted.answer


def predict_messages(messages: Mapping[str, Any], service: Service, work: Work) -> dict[str, Any]:
    """Write the predictions of the objects that a queue's messages (bodies by id) speak of; return the messages of those that failed."""
    objects: dict[str, Arrivals] = {}
    failed: list[str] = []
    for message_id, body in messages.items():
        try:
            objects[message_id] = s3_event.arrivals_in(body)
        except s3_event.NoNotification as error:
            service.telemetry.failure(error, f"message {message_id}")
            failed.append(message_id)
    asked: Arrivals = {}
    for each in objects.values():
        for place, arrivals in each.items():
            asked.setdefault(place, []).extend(arrivals)
    attempted = predict(asked, service, work)
    failed += [key for key, each in objects.items() if any(place in attempted.failures for place in each)]
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed], **attempted.answer}


def predict(objects: Arrivals, service: Service, work: Work) -> Attempted:
    """Write the prediction of every object that is the trigger's, and no result of its own."""
    places = {"/".join(each): each for each in objects if work.trigger.has(each) and not _is_result(each, work.results)}
    read = {name: _attempt(place, service, work) for name, place in places.items()}
    tables = {name: each for name, each in read.items() if not isinstance(each, Request | Exception)}
    items = [
        Item(name, name, each, _about(places[name], work), _keys(name, objects[places[name]]))
        for name, each in read.items()
        if isinstance(each, Request | Exception)
    ]
    answered = answer_items(items, service, work.outlet, "s3://{}")
    written = [] if work.outlet.prefix else [work.results.place(each) for each in answered.answers]
    attempted = Attempted(
        [f"s3://{bucket}/{key}" for bucket, key in written],
        [f"s3://{bucket}/{key}" for bucket, key in objects if f"{bucket}/{key}" not in places],
        {places[each]: error for each, error in answered.failures.items()},
    )
    found = {name: (table, _keys(name, objects[places[name]])) for name, table in tables.items()}
    return _with_tables(attempted, found, service, work) if found else attempted


def _with_tables(
    attempted: Attempted, found: Mapping[str, tuple[Table, Sequence[str]]], service: Service, work: Work
) -> Attempted:
    from slsdeploy_runtime import s3_tables

    target = s3_tables.Target(work.results.bucket, work.results.prefix, work.time_left)
    done, failed = s3_tables.predict_all(found, service, target, work.outlet)
    failures = {found[name][0].place: error for name, error in failed.items()}
    return attempted._replace(
        written=[*attempted.written, *(uri for each in done for uri in (each.results, each.errors) if uri)],
        failures={**attempted.failures, **failures},
        tables=[each.answer for each in done],
    )


def _is_result(place: Place, results: Results) -> bool:
    """Say whether an object is one of our own results; without this, a wrong notification would never end."""
    bucket, key = place
    return results.bucket in ("", bucket) and bool(results.prefix) and key.startswith(results.prefix)


def _attempt(place: Place, service: Service, work: Work) -> Request | Table | Exception:
    try:
        return _read(place, service, work)
    except Exception as error:
        return error


def _about(place: Place, work: Work) -> dict[str, str]:
    """Return what the answer to an object says of it."""
    return {"bucket": place[0], "key": place[1]} if work.outlet.prefix else {}


def _keys(name: str, arrivals: Sequence[str]) -> list[str]:
    """Return what tells an object's arrival from all others, nothing when one cannot be told."""
    return [f"s3 {name} {arrival}" for arrival in arrivals] if all(arrivals) else []


def _model(place: Place, service: Service, trigger: Trigger) -> str:
    """Return the model that an object is for: the trigger's, or that after which its folder under the prefix is named; "" for neither."""
    if trigger.model is not None or len(service.models) == 1:
        return trigger.model or ""
    folder, slash, _ = place[1].removeprefix(trigger.prefix).lstrip("/").partition("/")
    return folder if slash and folder in service.models else ""


def _read(place: Place, service: Service, work: Work) -> Request | Table:
    """Read an object; of a table that is predicted row by row, what it is."""
    bucket, key = place
    client, model = work.results.client, _model(place, service, work.trigger)
    split = work.trigger.split
    is_split = split == "rows" or (split == "auto" and service.handler.preprocess is None)
    if is_split and not key.endswith(".json"):
        from slsdeploy_runtime import s3_tables

        if table := s3_tables.by_key(client, place, model):
            return table
    answer = client.get_object(Bucket=bucket, Key=key)
    kind = media_type({"content-type": answer.get("ContentType", "")})
    if is_split and not key.endswith(".json") and (table := s3_tables.by_kind(client, place, model, answer, kind)):
        return table
    body: bytes = answer["Body"].read()
    meta = {"bucket": bucket, "key": key, "etag": answer.get("ETag", ""), "metadata": answer.get("Metadata", {})}
    if kind == JSON or key.endswith(".json"):
        return Request(from_json(body), JSON, "s3", meta, model)
    return Request(body, kind or "application/octet-stream", "s3", meta, model)
