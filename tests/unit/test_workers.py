"""Threads of a block: results in order, errors as they are, and none that is left when the block ends."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from slsdeploy.bundle import archive, tree
from slsdeploy.bundle.workers import workers

FILES = {f"task/{number:02}.txt": bytes([number]) * (number * 5000) for number in range(40)}


def lay(root: Path) -> Path:
    for path, content in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


def pack(root: Path, path: Path, count: int) -> bytes:
    with workers(count) as threads:
        archive.write(threads.begin(lambda file: archive.entry(root, True, file), tree.walk(root)), path)
    return path.read_bytes()


def late(pause: float) -> float:
    time.sleep(pause)
    return pause


def test_results_are_in_the_order_of_the_work() -> None:
    with workers(4) as threads:
        assert list(threads.begin(late, [0.03, 0.0, 0.02, 0.0])) == [0.03, 0.0, 0.02, 0.0]


def test_a_zip_is_the_same_bytes_with_one_thread_and_with_four(tmp_path: Path) -> None:
    root = lay(tmp_path / "tree")
    archive.pack(root, tree.walk(root), tmp_path / "plain.zip")
    plain = (tmp_path / "plain.zip").read_bytes()
    assert pack(root, tmp_path / "1.zip", 1) == plain
    assert pack(root, tmp_path / "4.zip", 4) == plain


def test_an_error_of_a_thread_is_raised_where_its_result_is_asked_for(tmp_path: Path) -> None:
    root = lay(tmp_path / "tree")
    files = tree.walk(root)
    (root / files[7].path).unlink()
    with pytest.raises(FileNotFoundError) as raised:
        tree.digest(root, files)
    assert raised.value.filename == str(root / files[7].path)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_block_that_fails_begins_nothing_more_and_leaves_no_thread(error: type[BaseException]) -> None:
    before, begun = set(threading.enumerate()), list[int]()

    def work(number: int) -> None:
        begun.append(number)
        time.sleep(0.2)

    def fail() -> None:
        with workers(2) as threads:
            threads.begin(work, range(100))
            raise error

    with pytest.raises(error):
        fail()
    assert len(begun) < 50
    assert set(threading.enumerate()) == before


def test_work_that_takes_long_ends_with_the_block() -> None:
    seen = list[int]()

    def work(numbers: Iterable[int]) -> None:
        seen.extend(numbers)

    def pieces() -> Iterator[int]:
        for number in itertools.islice(itertools.count(), 1000):
            time.sleep(0.01)
            yield number

    began = time.monotonic()
    with workers(1) as threads:
        begun = threads.begin_one(work, threads.during(pieces()))
        time.sleep(0.05)
    assert time.monotonic() - began < 5
    assert 0 < len(seen) < 500
    with pytest.raises(CancelledError):
        begun.result()
