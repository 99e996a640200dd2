"""Keys -> marks in the stack's DynamoDB table, by which invocations tell each other what is being answered, and what is done.

A mark is Powertools' idempotency record: written on condition that there is none, "in progress" until its invocation would be killed,
then "completed" until it expires. Powertools' own code writes and reads it; here are many at once, in a few threads. 2026-11-21:
importing Powertools' idempotency takes 16 ms of a start, the table's client 18 beside another one of boto3, and 290 in all for a function
that has none (medians of 5 and 9). A record is two writes of 1.5 ms of CPU; with 4 ms to the table and back, 100 records take 285 ms with
8 threads, 347 with 4 and 296 with 16.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from time import time
from typing import Any, Literal, NamedTuple, TypeVar

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyItemAlreadyExistsError,
    IdempotencyItemNotFoundError,
)

THREADS = 8  # botocore keeps ten connections
# a mark outlives its invocation by this: clocks differ, and what was sent last may still be under way
MARGIN_SECONDS = 1.0
# an item of DynamoDB has 400 KB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
MAX_KEPT = 350_000

T = TypeVar("T")


class Mark(NamedTuple):
    """What is known of a key: `ours` to answer, `done` (with what was kept of its answer), `busy` elsewhere, or `failed`: not known."""

    state: Literal["ours", "done", "busy", "failed"]
    kept: str | None = None
    error: Exception | None = None


class Marks:
    """The table; `seconds` is how long a mark of what is done is kept. Keeps no client: one from before a snapshot must not live on."""

    def __init__(self, table: str, seconds: int, client: Callable[[str], Any]) -> None:
        self._table = table
        self._config = IdempotencyConfig(expires_after_seconds=seconds, hash_function="sha256")
        self._client = client
        self._made: DynamoDBPersistenceLayer | None = None
        self._layer()

    def claim(self, keys: Collection[str], until: float) -> dict[str, Mark]:
        """Mark keys as in progress until then (Unix time, s), unless they are marked already."""
        layer = self._layer()

        def claim(key: str) -> Mark:
            milliseconds = int((until + MARGIN_SECONDS - time()) * 1000)
            try:
                layer.save_inprogress(key, max(0, milliseconds))
            except IdempotencyItemAlreadyExistsError as error:
                return _found(layer, key, error)
            return Mark("ours")

        return {
            key: Mark("failed", error=mark) if isinstance(mark, Exception) else mark
            for key, mark in _each(claim, keys).items()
        }

    def finish(self, kept: Mapping[str, str | None]) -> dict[str, Exception]:
        """Mark keys as done, with what is to be kept of their answers; return what did not work."""
        layer = self._layer()

        def finish(key: str) -> None:
            text = kept[key]
            layer.save_success(key, None if text is None or len(text) > MAX_KEPT else text)

        return _failures(_each(finish, kept))

    def release(self, keys: Collection[str]) -> dict[str, Exception]:
        """Take marks away, so that the keys can be claimed again; return what did not work."""
        layer = self._layer()
        reason = Exception("not answered")  # for Powertools' own log, at level DEBUG
        return _failures(_each(lambda key: layer.delete_record(key, reason), keys))

    def _layer(self) -> Any:
        client = self._client("dynamodb")
        if self._made is None or self._made.client is not client:
            self._made = DynamoDBPersistenceLayer(self._table, boto3_client=client)
            self._made.configure(self._config, key_prefix="once")
        return self._made


def _found(layer: Any, key: str, error: IdempotencyItemAlreadyExistsError) -> Mark:
    """Read the mark that is there."""
    try:
        record = error.old_data_record or layer.get_record(key)
    except IdempotencyItemNotFoundError:  # released just now
        return Mark("busy")
    if record.status != "COMPLETED":
        return Mark("busy")
    kept: Any = record.response_json_as_dict()
    return Mark("done", kept)


def _each(act: Callable[[str], T], keys: Collection[str]) -> dict[str, T | Exception]:
    """Do something for every key, a few at a time."""

    def attempt(key: str) -> T | Exception:
        try:
            return act(key)
        except Exception as error:
            return error

    if len(keys) < 2:
        return {key: attempt(key) for key in keys}
    with ThreadPoolExecutor(min(THREADS, len(keys))) as pool:
        return dict(zip(keys, pool.map(attempt, keys), strict=True))


def _failures(results: Mapping[str, Any]) -> dict[str, Exception]:
    return {key: result for key, result in results.items() if isinstance(result, Exception)}
