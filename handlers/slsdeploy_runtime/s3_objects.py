"""Objects of S3 -> predictions in S3: read, predict together, write each result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from slsdeploy_runtime import s3_event
from slsdeploy_runtime.http_body import JSON, media_type
from slsdeploy_runtime.json_text import from_json, to_json
from slsdeploy_runtime.request import Request
from slsdeploy_runtime.s3_event import Arrivals, Place
from slsdeploy_runtime.service import Failure, Outcome, Service

if TYPE_CHECKING:
    from slsdeploy_runtime.events.s3 import Trigger
    from slsdeploy_runtime.once import Unit


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


def predict_objects(objects: Arrivals, service: Service, trigger: Trigger, output_bucket: str) -> dict[str, Any]:
    """Write the prediction of every object; return the keys written and skipped. Raises ObjectsFailed after the last."""
    attempted = attempt(objects, service, trigger, output_bucket)
    for (bucket, key), first in attempted.failures.items():
        count = f"{len(attempted.failures)} of {len(objects)}"
        raise ObjectsFailed(f"{count} failed; s3://{bucket}/{key}: {first}") from first
    return attempted.answer


def predict_messages(
    messages: Mapping[str, Any], service: Service, trigger: Trigger, output_bucket: str
) -> dict[str, Any]:
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
    attempted = attempt(asked, service, trigger, output_bucket)
    failed += [key for key, each in objects.items() if any(place in attempted.failures for place in each)]
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed], **attempted.answer}


def attempt(objects: Arrivals, service: Service, trigger: Trigger, output_bucket: str) -> Attempted:
    """Write the prediction of every object that is the trigger's, and no result of its own."""
    places = [place for place in objects if trigger.has(place) and not _is_result(place, trigger, output_bucket)]
    skipped = [f"s3://{bucket}/{key}" for bucket, key in objects if (bucket, key) not in places]
    written: list[str] = []

    def answer(some: Sequence[Place]) -> dict[Place, Exception]:
        return _attempt(some, service, trigger, output_bucket, written)

    once = service.once
    failures = answer(places) if once is None else once.run([_unit(each, objects[each]) for each in places], answer)
    for (bucket, key), error in failures.items():
        service.telemetry.failure(error, f"s3://{bucket}/{key}")
    return Attempted(written, skipped, failures)


def _unit(place: Place, arrivals: Sequence[str]) -> Unit:
    from slsdeploy_runtime.once import Unit

    name = f"s3 {place[0]}/{place[1]}"
    return Unit(place, name, [f"{name} {arrival}" for arrival in arrivals] if all(arrivals) else [])


def _attempt(
    places: Sequence[Place], service: Service, trigger: Trigger, output_bucket: str, written: list[str]
) -> dict[Place, Exception]:
    client = service.client("s3")
    requests = [_read(client, place, _model(place, service, trigger)) for place in places]
    outcomes = iter(service.answer_all([request for request in requests if isinstance(request, Request)]))
    failures: dict[Place, Exception] = {}
    for place, request in zip(places, requests, strict=True):
        outcome = next(outcomes) if isinstance(request, Request) else request
        try:
            written.append(_write(client, place, outcome, trigger, output_bucket))
        except Exception as error:
            failures[place] = error
    return failures


def _is_result(place: Place, trigger: Trigger, output_bucket: str) -> bool:
    """Say whether an object is one of our own results; without this, a wrong notification would never end."""
    bucket, key = place
    return output_bucket in ("", bucket) and bool(trigger.output_prefix) and key.startswith(trigger.output_prefix)


def _model(place: Place, service: Service, trigger: Trigger) -> str:
    """Return the model that an object is for: the trigger's, or that after which its folder under the prefix is named; "" for neither."""
    if trigger.model is not None or len(service.models) == 1:
        return trigger.model or ""
    folder, slash, _ = place[1].removeprefix(trigger.prefix).lstrip("/").partition("/")
    return folder if slash and folder in service.models else ""


def _read(client: Any, place: Place, model: str) -> Request | Failure:
    bucket, key = place
    try:
        answer = client.get_object(Bucket=bucket, Key=key)
        body: bytes = answer["Body"].read()
        kind = media_type({"content-type": answer.get("ContentType", "")})
        meta = {"bucket": bucket, "key": key, "etag": answer.get("ETag", ""), "metadata": answer.get("Metadata", {})}
        if kind == JSON or key.endswith(".json"):
            return Request(from_json(body), JSON, "s3", meta, model)
        return Request(body, kind or "application/octet-stream", "s3", meta, model)
    except Exception as error:
        return Failure(error)


def _write(client: Any, place: Place, outcome: Outcome, trigger: Trigger, output_bucket: str) -> str:
    if isinstance(outcome, Failure):
        raise outcome.error
    bucket, key = output_bucket or place[0], f"{trigger.output_prefix}{place[1]}.json"
    client.put_object(Bucket=bucket, Key=key, Body=to_json(outcome.value), ContentType=JSON)
    return f"s3://{bucket}/{key}"
