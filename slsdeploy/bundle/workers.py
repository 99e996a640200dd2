"""Work -> threads that do it on all cores, begun before its results are asked for: for what lets go of the interpreter meanwhile.

Compressing and hashing do. Results come in the order of the work. When the block ends, however it does, nothing more is begun, and no
thread is left.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Workers:
    """Threads of a block (see `workers`)."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool

    def begin(self, work: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
        """Begin the work on all items; the results raise what it raised, when they are asked for."""
        return self._pool.map(work, items)

    def begin_one(self, work: Callable[[_Item], _Result], item: _Item) -> Future[_Result]:
        """Begin the work on one item."""
        return self._pool.submit(work, item)


@contextmanager
def workers(count: int = 0) -> Iterator[Workers]:
    """Give threads for the block: as many as there are cores, unless told so."""
    pool = ThreadPoolExecutor(count or os.cpu_count() or 1)
    try:
        yield Workers(pool)
    finally:
        pool.shutdown(cancel_futures=True)
