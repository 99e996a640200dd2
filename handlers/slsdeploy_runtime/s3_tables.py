"""Which objects of S3 are tables to predict row by row, and what became of each. Imported when the first object comes that may be one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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

    @property
    def place(self) -> Place:
        return self.found.bucket, self.found.key


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
    found: Mapping[str, tuple[Table, Sequence[str]]], service: Service, target: Target, outlet: Outlet
) -> tuple[list[Done], Failures]:
    """Predict tables, by their names, one after the other; the outlet gets word of each. Returns those done, and why others are not.

    Beside each table stand the keys that tell it from all others, for who is to answer once.
    """
    done: list[Done] = []

    def predict(names: Sequence[str], tell: Callable[[Iterable[str]], None] = lambda _: None) -> Failures:
        failures: Failures = {}
        for name in names:
            try:
                done.append(_predict(name, found[name][0], service, target, outlet))
            except Exception as error:
                failures[name] = error
            else:
                tell([name])
        return failures

    if service.once is None:
        failures = predict(list(found))
    else:
        from slsdeploy_runtime.once import Unit

        failures = service.once.run([Unit(name, name, keys) for name, (_, keys) in found.items()], predict)
    for name, error in failures.items():
        service.telemetry.failure(error, found[name][0].found.uri)
    return done, failures


def _predict(name: str, table: Table, service: Service, target: Target, outlet: Outlet) -> Done:
    bucket = target.bucket or table.found.bucket
    made = s3_rows.predict(Job(table.found, table.format, table.model, bucket, *target[1:]), service)
    if outlet.prefix:
        about = {"bucket": table.found.bucket, "key": table.found.key}
        for error in outlet.send([outlet.outgoing(name, name, made.answer, about)]).values():
            raise error
    return made


def _found(client: Any, place: Place, answer: Mapping[str, Any]) -> Found:
    return Found(
        client,
        *place,
        answer["ETag"],
        answer["ContentLength"],
        answer.get("ContentEncoding", ""),
        answer.get("Metadata", {}),
    )
