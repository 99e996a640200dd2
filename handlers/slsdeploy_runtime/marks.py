"""Keys -> marks in the stack's DynamoDB table, by which invocations tell each other what is being answered, and what is done.

A mark is Powertools' idempotency record: written on condition that there is none, "in progress" until its invocation would be killed,
then "completed" until it expires. Powertools' own code writes and reads it; here are many at once, in a few threads.
2026-11-21: importing Powertools' idempotency takes 16 ms of a start, the table's client 18 beside another one (290 in all without one).
A record is two writes, 1.5 ms of CPU each; with 4 ms to the table and back 100 records take 285 ms with 8 threads, 347 with 4, 296 with 16.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
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

    def finishing(self) -> Finishing:
        """Return what marks keys as done."""
        return Finishing(self._layer())

    def release(self, keys: Collection[str]) -> dict[str, Exception]:
        """Take marks away, so that the keys can be claimed again; return what did not work."""
        layer = self._layer()
        reason = Exception("not answered")  # for Powertools' own log, at level DEBUG
        results = _each(lambda key: layer.delete_record(key, reason), keys)
        return {key: result for key, result in results.items() if isinstance(result, Exception)}

    def _layer(self) -> Any:
        client = self._client("dynamodb")
        if self._made is None or self._made.client is not client:
            self._made = DynamoDBPersistenceLayer(self._table, boto3_client=client)
            self._made.configure(self._config, key_prefix="once")
        return self._made


class Finishing:
    """Marks keys as done while other answers are still sent: a batch that runs out of time has marked what it sent."""

    def __init__(self, layer: Any) -> None:
        self._layer = layer
        self._pool: ThreadPoolExecutor | None = None
        self._marked: dict[str, Future[None]] = {}

    def add(self, kept: Mapping[str, str | None]) -> None:
        """Begin to mark these keys, with what is to be kept of their answers."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(THREADS)
        for key, text in kept.items():
            fitting = None if text is None or len(text) > MAX_KEPT else text
            self._marked[key] = self._pool.submit(self._layer.save_success, key, fitting)

    def end(self) -> dict[str, BaseException]:
        """Wait for all of them; return what did not work."""
        if self._pool is not None:
            self._pool.shutdown()
        found = {key: future.exception() for key, future in self._marked.items()}
        return {key: error for key, error in found.items() if error is not None}


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
