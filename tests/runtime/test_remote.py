"""A model that lives in S3, fetched: what comes, what is tried again, what is refused and how, what lies in /tmp after it."""

from __future__ import annotations

import hashlib
import os
import random
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from slsdeploy_runtime import digests, model_cache, remote, s3_download
from slsdeploy_runtime.manifest import ModelEntry
from slsdeploy_runtime.s3_answer import FetchError
from tests.runtime import s3_server
from tests.runtime.s3_server import S3

KB = 1 << 10
CONTENT = random.Random(3).randbytes(1_000_003)


class Heard:
    """Keeps what was told."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, dict[str, Any]]] = []
        self.warnings: list[tuple[str, dict[str, Any]]] = []
        self.seconds: list[float] = []

    def note(self, message: str, **facts: Any) -> None:
        self.notes.append((message, facts))

    def warning(self, message: str, **facts: Any) -> None:
        self.warnings.append((message, facts))

    def downloaded(self, seconds: float) -> None:
        self.seconds.append(seconds)

    @property
    def reasons(self) -> list[str]:
        return [facts["reason"] for _, facts in self.warnings if "reason" in facts]


@pytest.fixture
def s3() -> Iterator[S3]:
    with s3_server.running() as running:
        yield running


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture(autouse=True)
def _fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A /tmp and a process that have seen no model yet, ranges small enough for several, and no long pauses."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(s3_download, "RANGE", 128 * KB)
    monkeypatch.setattr(s3_download, "_FIRST_PAUSE", 0.002)
    forget()


def forget() -> None:
    """Forget as a new process has."""
    model_cache._verified.clear()
    model_cache._given.clear()


Entry = Callable[..., ModelEntry]


@pytest.fixture
def entry(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Entry:
    """Put files into S3 and return the manifest's entry that pins them."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)

    def make(content: bytes = CONTENT, name: str = "m", version: str = "", **more: bytes) -> ModelEntry:
        files = {f"{name}.onnx": content, **more}
        pins = [
            {
                "name": file,
                "key": f"models/{file}",
                "version": version,
                "etag": s3.put(f"bucket/models/{file}", data),
                "bytes": len(data),
                "digest": hashlib.sha256(data).hexdigest(),
            }
            for file, data in files.items()
        ]
        digest = digests.of_files([(str(pin["name"]), str(pin["digest"])) for pin in pins])
        described = {"bucket": "bucket", "region": "eu-west-1", "files": pins}
        size = sum(map(len, files.values()))
        return ModelEntry(name, "1", "", "/unused", digest, size, (), (), remote=described)

    return make


def test_it_comes_in_ranges_over_several_connections(s3: S3, entry: Entry, heard: Heard) -> None:
    wanted = entry()
    path = remote.fetch(wanted, heard)
    assert path.name == "m.onnx" and path.read_bytes() == CONTENT
    assert sorted((one.start, one.end) for one in s3.asked) == [
        (start, min(start + 128 * KB, len(CONTENT))) for start in range(0, len(CONTENT), 128 * KB)
    ]
    (begun, what), (done, how) = heard.notes
    assert (begun, what["bytes"], done, how["retries"]) == ("model download", len(CONTENT), "model downloaded", 0)
    assert len(heard.seconds) == 1 and heard.warnings == []


def test_it_is_fetched_once(s3: S3, entry: Entry) -> None:
    wanted = entry()
    first = remote.fetch(wanted)
    asked = len(s3.asked)
    assert remote.fetch(wanted) == first
    forget()
    assert remote.fetch(wanted) == first
    assert len(s3.asked) == asked


def test_the_same_content_under_another_name_is_another_model(s3: S3, entry: Entry) -> None:
    one, other = entry(name="one"), entry(name="other")
    assert one.digest == other.digest
    paths = remote.fetch(one), remote.fetch(other)
    asked = len(s3.asked)
    assert (remote.fetch(one), remote.fetch(other)) == paths
    assert len(s3.asked) == asked


def test_external_data_comes_along(entry: Entry) -> None:
    wanted = entry(b"graph", **{"weights/m.data": CONTENT[:5000], "none": b""})
    folder = remote.fetch(wanted).parent
    assert (folder / "weights/m.data").read_bytes() == CONTENT[:5000]
    assert (folder / "none").read_bytes() == b""


def test_throttling_is_waited_out(s3: S3, entry: Entry, heard: Heard) -> None:
    s3.faults.refusals = deque([(503, "SlowDown")] * 5 + [(500, "InternalError"), (429, "TooManyRequests")])
    assert remote.fetch(entry(), heard).read_bytes() == CONTENT
    assert sorted(heard.reasons) == [
        "S3 answered 429 TooManyRequests",
        "S3 answered 500 InternalError",
        "S3 answered 503 SlowDown",
    ]  # one line for each reason, however often
    assert heard.notes[-1][1]["retries"] == 7


def test_throttling_without_end_is_an_error(s3: S3, entry: Entry) -> None:
    s3.faults.always = (503, "SlowDown")
    with pytest.raises(
        FetchError, match=r"s3://bucket/models/m.onnx cannot be read, tried 7 times: S3 answered 503 SlowDown"
    ):
        remote.fetch(entry())
    assert left_over() == []
    s3.faults.always = None
    assert remote.fetch(entry()).read_bytes() == CONTENT  # the next one works


def test_only_what_a_cut_connection_did_not_bring_is_asked_for_again(s3: S3, entry: Entry, heard: Heard) -> None:
    s3.faults.cuts = deque([100_000, 0, 50_000])
    assert remote.fetch(entry(), heard).read_bytes() == CONTENT
    # whole ranges begin at multiples; what begins elsewhere is the rest of one
    rests = sorted(one.start % (128 * KB) for one in s3.asked if one.start % (128 * KB))
    assert rests == [50_000, 100_000]
    assert heard.notes[-1][1]["retries"] == 3


def test_a_server_that_falls_silent_is_left(s3: S3, entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_download, "STALLED_SECONDS", 0.2)
    s3.faults.stall_after = 1000
    heard = Heard()

    def recover(asked: s3_server.Asked) -> None:
        if asked.start % (128 * KB):
            s3.faults.stall_after = None

    s3.faults.on_request = recover
    assert remote.fetch(entry(), heard).read_bytes() == CONTENT
    assert heard.reasons == ["TimeoutError: timed out"]


def test_a_slow_download_ends_at_its_deadline(s3: S3, entry: Entry) -> None:
    s3.faults.bytes_per_second = 100_000
    with pytest.raises(FetchError, match="was not here in time: more memory brings more bandwidth"):
        remote.fetch(entry(), seconds=0.3)
    assert left_over() == []
    s3.faults.bytes_per_second = 0
    assert remote.fetch(entry()).read_bytes() == CONTENT


def test_one_changed_byte_is_found(s3: S3, entry: Entry) -> None:
    wanted = entry()
    etag = s3.etag("bucket/models/m.onnx")
    s3.objects["bucket/models/m.onnx"] = CONTENT[:70_000] + bytes([CONTENT[70_000] ^ 1]) + CONTENT[70_001:]
    s3.etag = lambda path: etag  # type: ignore[method-assign]
    with pytest.raises(
        FetchError, match=rf"has the sha256 \w{{64}}, pinned is {hashlib.sha256(CONTENT).hexdigest()}: "
    ):
        remote.fetch(wanted)
    assert left_over() == []
    s3.objects["bucket/models/m.onnx"] = CONTENT
    assert remote.fetch(wanted).read_bytes() == CONTENT


def test_an_object_that_is_replaced_between_ranges_is_not_mixed(s3: S3, entry: Entry) -> None:
    wanted = entry()

    def replace(asked: s3_server.Asked) -> None:
        if asked.start:
            s3.objects["bucket/models/m.onnx"] = CONTENT[::-1]

    s3.faults.on_request = replace
    with pytest.raises(
        FetchError, match=r"S3 answered 412 PreconditionFailed: the object was replaced since it was pinned"
    ):
        remote.fetch(wanted)
    assert left_over() == []


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        ((403, "AccessDenied"), "403 AccessDenied: the function's role may not read it, or it is not there any more"),
        ((404, "NoSuchKey"), "404 NoSuchKey: it was deleted; put it back, or pin what is there now"),
        ((404, "NoSuchVersion"), "404 NoSuchVersion: it was deleted"),
        ((416, "InvalidRange"), "416 InvalidRange: the object was replaced since it was pinned"),
        ((301, "PermanentRedirect"), "301 PermanentRedirect: the bucket is in another region"),
        ((400, "ExpiredToken"), "400 ExpiredToken: look at the bucket and the object"),
    ],
)
def test_a_refusal_says_what_to_do_and_is_not_repeated(
    s3: S3, entry: Entry, refusal: tuple[int, str], said: str
) -> None:
    wanted = entry(version="v1")
    s3.faults.always = refusal
    with pytest.raises(FetchError) as caught:
        remote.fetch(wanted)
    assert str(caught.value).startswith("s3://bucket/models/m.onnx (version v1) cannot be read: S3 answered " + said)
    assert len(s3.asked) <= s3_download.CONNECTIONS
    assert {one.query for one in s3.asked} == {"versionId=v1"}
    assert left_over() == []
    s3.faults.always = None
    assert remote.fetch(wanted).read_bytes() == CONTENT


def test_a_server_that_ignores_ranges_is_not_believed(s3: S3, entry: Entry) -> None:
    s3.faults.ignores_range = True
    with pytest.raises(FetchError, match="S3 answered 200 OK"):
        remote.fetch(entry())


def test_a_server_that_is_not_there(s3: S3, entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = entry()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(FetchError, match="tried 7 times: ConnectionRefusedError"):
        remote.fetch(wanted)


@pytest.mark.parametrize("damage", ["shorter", "other", "missing"])
def test_a_damaged_copy_is_found_and_replaced(s3: S3, entry: Entry, heard: Heard, damage: str) -> None:
    wanted = entry()
    path = remote.fetch(wanted)
    forget()
    if damage == "shorter":
        os.truncate(path, 500)
    elif damage == "other":
        path.write_bytes(CONTENT[:-1] + b"!")
    else:
        path.unlink()
    assert remote.fetch(wanted, heard).read_bytes() == CONTENT
    assert heard.warnings[0][0] == "model in /tmp was damaged: removed"


def test_a_copy_that_shrinks_while_the_process_lives_is_found_too(entry: Entry) -> None:
    wanted = entry()
    os.truncate(remote.fetch(wanted), 500)
    assert remote.fetch(wanted).read_bytes() == CONTENT


def test_two_threads_that_want_it_at_once_fetch_it_once(s3: S3, entry: Entry) -> None:
    wanted = entry()
    s3.faults.bytes_per_second = 2_000_000
    paths: list[Path] = []
    threads = [threading.Thread(target=lambda: paths.append(remote.fetch(wanted))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(paths) == 4 and {path.read_bytes() for path in paths} == {CONTENT}
    assert len(s3.asked) == 8


def test_another_process_may_be_quicker(s3: S3, entry: Entry, tmp_path: Path) -> None:
    wanted = entry()
    folder = tmp_path / "tmp" / model_cache.FOLDER / remote._key(wanted)

    def other(asked: s3_server.Asked) -> None:
        if not folder.exists():
            folder.mkdir(parents=True)
            (folder / "m.onnx").write_bytes(CONTENT)

    s3.faults.on_request = other
    assert remote.fetch(wanted) == folder / "m.onnx"
    assert left_over() == [remote._key(wanted)]


def test_what_a_killed_process_left_is_removed(entry: Entry, tmp_path: Path) -> None:
    shelf = tmp_path / "tmp" / model_cache.FOLDER
    for name in (".draft-999999999-a", f".draft-{os.getpid()}-b", f".draft-{os.getppid()}-c"):
        (shelf / name / "weights").mkdir(parents=True)
        (shelf / name / "weights" / "x").write_bytes(b"x")
    wanted = entry()
    remote.fetch(wanted)
    assert left_over() == [f".draft-{os.getppid()}-c", remote._key(wanted)]  # that one is alive


def left_over() -> list[str]:
    folder = model_cache.root()
    return sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []
