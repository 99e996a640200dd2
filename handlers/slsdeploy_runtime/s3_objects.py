"""Objects of S3 -> predictions in S3: read, predict together, write each result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from slsdeploy_runtime.http_body import JSON, media_type
from slsdeploy_runtime.json_text import from_json, to_json
from slsdeploy_runtime.request import Request
from slsdeploy_runtime.service import Failure, Outcome, Service

if TYPE_CHECKING:
    from slsdeploy_runtime.events.s3 import Trigger

Place = tuple[str, str]  # a bucket and a key in it


class ObjectsFailed(Exception):
    """Some objects got no prediction; the log says why for each."""


def predict_objects(objects: Sequence[Place], service: Service, trigger: Trigger, output_bucket: str) -> dict[str, Any]:
    """Write the prediction of every object; return the keys written and skipped. Raises ObjectsFailed after the last."""
    client = service.client("s3")
    skipped = [place for place in objects if _is_result(place, trigger, output_bucket)]
    places = [place for place in objects if place not in skipped]
    requests = [_read(client, place) for place in places]
    outcomes = iter(service.answer_all([request for request in requests if isinstance(request, Request)]))
    written: list[str] = []
    failures: list[tuple[Place, Exception]] = []
    for place, request in zip(places, requests, strict=True):
        outcome = next(outcomes) if isinstance(request, Request) else request
        try:
            written.append(_write(client, place, outcome, trigger, output_bucket))
        except Exception as error:
            service.telemetry.failure(error, f"s3://{place[0]}/{place[1]}")
            failures.append((place, error))
    if failures:
        (bucket, key), first = failures[0]
        raise ObjectsFailed(f"{len(failures)} of {len(objects)} failed; s3://{bucket}/{key}: {first}") from first
    return {"written": written, "skipped": [f"s3://{bucket}/{key}" for bucket, key in skipped]}


def _is_result(place: Place, trigger: Trigger, output_bucket: str) -> bool:
    """Say whether an object is one of our own results; without this, a wrong notification would never end."""
    bucket, key = place
    return output_bucket in ("", bucket) and bool(trigger.output_prefix) and key.startswith(trigger.output_prefix)


def _read(client: Any, place: Place) -> Request | Failure:
    bucket, key = place
    try:
        answer = client.get_object(Bucket=bucket, Key=key)
        body: bytes = answer["Body"].read()
        kind = media_type({"content-type": answer.get("ContentType", "")})
        meta = {"bucket": bucket, "key": key, "etag": answer.get("ETag", ""), "metadata": answer.get("Metadata", {})}
        if kind == JSON or key.endswith(".json"):
            return Request(from_json(body), JSON, "s3", meta)
        return Request(body, kind or "application/octet-stream", "s3", meta)
    except Exception as error:
        return Failure(error)


def _write(client: Any, place: Place, outcome: Outcome, trigger: Trigger, output_bucket: str) -> str:
    if isinstance(outcome, Failure):
        raise outcome.error
    bucket, key = output_bucket or place[0], f"{trigger.output_prefix}{place[1]}.json"
    client.put_object(Bucket=bucket, Key=key, Body=to_json(outcome.value), ContentType=JSON)
    return f"s3://{bucket}/{key}"
