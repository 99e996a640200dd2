"""Doing something with many things, some at a time, so that the first error and Ctrl-C end it soon and well."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

_Item = TypeVar("_Item")
_Results = queue.SimpleQueue[BaseException | None]


def in_parallel(
    do: Callable[[_Item], None], items: Sequence[_Item], threads: int, stop: threading.Event, settle: float
) -> None:
    """Do something with every item, some at a time.

    The first error, or Ctrl-C, sets `stop`; the others get some seconds to end well, then they are left: daemons, that end with us.
    """
    left: queue.SimpleQueue[_Item] = queue.SimpleQueue()
    results: _Results = queue.SimpleQueue()
    for item in items:
        left.put(item)
    given = (do, left, results, stop)
    workers = [
        threading.Thread(target=_work, args=given, name="registry", daemon=True)
        for _ in range(min(threads, len(items)))
    ]
    for worker in workers:
        worker.start()
    try:
        for _ in items:
            _next(results)
    except BaseException:
        stop.set()
        until = time.monotonic() + settle
        for worker in workers:
            worker.join(max(0.0, until - time.monotonic()))
        raise


def _work(
    do: Callable[[_Item], None], left: queue.SimpleQueue[_Item], results: _Results, stop: threading.Event
) -> None:
    while not stop.is_set():
        try:
            item = left.get_nowait()
        except queue.Empty:
            return
        try:
            do(item)
            results.put(None)
        except BaseException as error:  # raised where it was waited for
            results.put(error)
            return


def _next(results: _Results) -> None:
    """Wait for a result in short steps: Ctrl-C does not interrupt a longer wait everywhere."""
    while True:
        try:
            error = results.get(timeout=0.5)
        except queue.Empty:
            continue
        if error:
            raise error
        return
