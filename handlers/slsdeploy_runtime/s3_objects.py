"""Objects of S3 -> predictions in S3, or where `[output]` says: read, predict together, write each result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from slsdeploy_runtime import s3_event
from slsdeploy_runtime.batch import Item, answer_items, attempt
from slsdeploy_runtime.http_body import JSON, media_type
from slsdeploy_runtime.json_text import from_json
from slsdeploy_runtime.outlet import Failures, Outgoing, Outlet
from slsdeploy_runtime.request import Request
from slsdeploy_runtime.s3_event import Arrivals, Place
from slsdeploy_runtime.service import Service

if TYPE_CHECKING:
    from slsdeploy_runtime.events.s3 import Trigger


class ObjectsFailed(Exception):
    """Some objects got no prediction; the log says why for each."""


class Attempted(NamedTuple):
    """What became of objects: the results written and the objects skipped, as s3:// URIs, and the errors of those that failed."""

    written: Sequence[str]
    skipped: Sequence[str]
    failures: Mapping[Place, Exception]

    @property
    def answer(self) -> dict[str, Any]:
        return {"written": [*self.written], "skipped": [*self.skipped]}


class Results(NamedTuple):
    """The results' bucket ("": that of the object) and prefix: the way of answers to the objects `BUCKET/KEY`, one by one."""

    client: Any
    bucket: str
    prefix: str
    entries: int = 1
    bytes: int = 5 * 1024**3
    largest: int = 5 * 1024**3
    is_ordered: bool = False

    def place(self, of: str) -> Place:
        """Return where the result of an object is, by its `BUCKET/KEY`."""
        bucket, _, key = of.partition("/")
        return self.bucket or bucket, f"{self.prefix}{key}.json"

    def post(self, answers: Sequence[Outgoing]) -> Failures:
        """Write the results."""
        for each in answers:
            bucket, key = self.place(each.id)
            self.client.put_object(Bucket=bucket, Key=key, Body=each.body, ContentType=JSON)
        return {}


class Work(NamedTuple):
    """What objects are predicted for: the trigger, its results' place, and the outlet that answers take (the results', or `[output]`)."""

    trigger: Trigger
    results: Results
    outlet: Outlet


def work(service: Service, trigger: Trigger, output_bucket: str, outlet: Outlet) -> Work:
    """Return it; `outlet` is the project's output, if that is where its answers go."""
    results = Results(service.client("s3"), output_bucket, trigger.output_prefix)
    return Work(trigger, results, outlet if outlet.prefix else Outlet(results, service))


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
    items = [_item(place, objects[place], service, work) for place in places.values()]
    answered = answer_items(items, service, work.outlet, "s3://")
    written = [] if work.outlet.prefix else [work.results.place(each) for each in answered.answers]
    return Attempted(
        [f"s3://{bucket}/{key}" for bucket, key in written],
        [f"s3://{bucket}/{key}" for bucket, key in objects if f"{bucket}/{key}" not in places],
        {places[each]: error for each, error in answered.failures.items()},
    )


def _is_result(place: Place, results: Results) -> bool:
    """Say whether an object is one of our own results; without this, a wrong notification would never end."""
    bucket, key = place
    return results.bucket in ("", bucket) and bool(results.prefix) and key.startswith(results.prefix)


def _item(place: Place, arrivals: Sequence[str], service: Service, work: Work) -> Item:
    bucket, key = place
    name = f"{bucket}/{key}"
    request = attempt(lambda: _read(work.results.client, place, _model(place, service, work.trigger)))
    keys = [f"s3 {name} {arrival}" for arrival in arrivals] if all(arrivals) else []
    return Item(name, name, request, {"bucket": bucket, "key": key} if work.outlet.prefix else {}, keys)


def _model(place: Place, service: Service, trigger: Trigger) -> str:
    """Return the model that an object is for: the trigger's, or that after which its folder under the prefix is named; "" for neither."""
    if trigger.model is not None or len(service.models) == 1:
        return trigger.model or ""
    folder, slash, _ = place[1].removeprefix(trigger.prefix).lstrip("/").partition("/")
    return folder if slash and folder in service.models else ""


def _read(client: Any, place: Place, model: str) -> Request:
    bucket, key = place
    answer = client.get_object(Bucket=bucket, Key=key)
    body: bytes = answer["Body"].read()
    kind = media_type({"content-type": answer.get("ContentType", "")})
    meta = {"bucket": bucket, "key": key, "etag": answer.get("ETag", ""), "metadata": answer.get("Metadata", {})}
    if kind == JSON or key.endswith(".json"):
        return Request(from_json(body), JSON, "s3", meta, model)
    return Request(body, kind or "application/octet-stream", "s3", meta, model)
