"""Which objects of S3 are tables to predict row by row, and what became of each. Imported when the first object comes that may be one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from slsdeploy_runtime import s3_rows, tables
from slsdeploy_runtime.outlet import Failures, Outlet
from slsdeploy_runtime.s3_event import Place
from slsdeploy_runtime.s3_reader import Found
from slsdeploy_runtime.s3_rows import Done, Job
from slsdeploy_runtime.service import Service


class Table(NamedTuple):
    """An object that is a table, its format, the name of the model that is asked ("": the first)."""

    found: Found
    format: str
    model: str


class Target(NamedTuple):
    """Where the output of tables goes ("" for the bucket: that of the object), and how many ms there are for it."""

    bucket: str
    prefix: str
    time_left: Callable[[], int] | None


def by_key(client: Any, place: Place, model: str) -> Table | None:
    """Return the table that an object is, if its key says so. Raises what S3 says when it is not there."""
    bucket, key = place
    name = tables.format_of(key, "")
    return Table(_found(client, place, client.head_object(Bucket=bucket, Key=key)), name, model) if name else None


def by_kind(client: Any, place: Place, model: str, answer: Mapping[str, Any], kind: str) -> Table | None:
    """Return the table that an object is, if the media type in the answer to its GET says so; its bytes are not read then."""
    name = tables.format_of("", kind)
    if not name:
        return None
    answer["Body"].close()
    return Table(_found(client, place, answer), name, model)


def predict_all(
    found: Mapping[str, Table], service: Service, target: Target, outlet: Outlet
) -> tuple[list[Done], Failures]:
    """Predict tables, by their names, one after the other; the outlet gets word of each. Returns those done, and why others are not."""
    done: list[Done] = []
    failures: Failures = {}
    for name, table in found.items():
        try:
            job = Job(table.found, table.format, table.model, target.bucket or table.found.bucket, *target[1:])
            made = s3_rows.predict(job, service)
            about = {"bucket": table.found.bucket, "key": table.found.key}
            unsent = outlet.send([outlet.outgoing(name, name, made.answer, about)]) if outlet.prefix else {}
            for error in unsent.values():
                raise error
            done.append(made)
        except Exception as error:
            service.telemetry.failure(error, table.found.uri)
            failures[name] = error
    return done, failures


def _found(client: Any, place: Place, answer: Mapping[str, Any]) -> Found:
    return Found(
        client,
        *place,
        answer["ETag"],
        answer["ContentLength"],
        answer.get("ContentEncoding", ""),
        answer.get("Metadata", {}),
    )
