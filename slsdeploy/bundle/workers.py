"""Work -> threads that do it on all cores, begun before its results are asked for: for what lets go of the interpreter meanwhile.

Compressing and hashing do. Results come in the order of the work. When the block ends, however it does, nothing more is begun, and no
thread is left.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Workers:
    """Threads of a block (see `workers`)."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._is_over = threading.Event()

    def begin(self, work: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
        """Begin the work on all items; the results raise what it raised, when they are asked for."""
        return self._pool.map(work, items)

    def begin_one(self, work: Callable[[_Item], _Result], item: _Item) -> Future[_Result]:
        """Begin the work on one item."""
        return self._pool.submit(work, item)

    def during(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """Yield the items as long as the block goes on: work that takes long goes through them, and ends with it."""
        for item in items:
            if self._is_over.is_set():
                raise CancelledError
            yield item

    def end(self) -> None:
        """Begin nothing more; return when no thread is left."""
        self._is_over.set()
        self._pool.shutdown(cancel_futures=True)


@contextmanager
def workers(count: int = 0) -> Iterator[Workers]:
    """Give threads for the block: as many as there are cores, unless told so."""
    threads = Workers(ThreadPoolExecutor(count or os.cpu_count() or 1))
    try:
        yield threads
    finally:
        threads.end()
