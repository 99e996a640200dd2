"""Little room in /tmp: what is removed, what never is, what is said; on a real file system of a few megabytes where one can be mounted."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from slsdeploy_runtime import digests, model_cache, remote
from slsdeploy_runtime.manifest import ModelEntry
from slsdeploy_runtime.s3_answer import FetchError
from tests.runtime import s3_server
from tests.runtime.s3_server import S3

KB = 1 << 10
REPOSITORY = Path(__file__).parents[2]
# fetches the models that are described on standard input, one after another; prints what became of each
FETCH = """
import json, logging, os, resource, sys
from pathlib import Path
from slsdeploy_runtime import digests, model_cache, remote
from slsdeploy_runtime.manifest import ModelEntry
said = json.load(sys.stdin)
if said["largest_file"]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (said["largest_file"], said["largest_file"]))
for name, files in said["models"].items():
    described = {"bucket": "bucket", "region": "eu-west-1", "files": files}
    entry = ModelEntry(name, "1", "", "/unused", files[0]["digest"], files[0]["bytes"], (), (), remote=described)
    try:
        result = str(remote.fetch(entry).stat().st_size)
        remote.release(entry)
    except Exception as error:
        result = f"{type(error).__name__}: {error}"
    print(json.dumps([name, result, sorted(os.listdir(model_cache.root()))]))
"""


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    with s3_server.running() as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.endpoint)
        yield running


def pin(s3: S3, name: str, size: int) -> dict[str, Any]:
    content = random.Random(name).randbytes(size)
    etag = s3.put(f"bucket/{name}", content)
    digest = hashlib.sha256(content).hexdigest()
    return {"name": name, "key": name, "version": "", "etag": etag, "bytes": size, "digest": digest}


def entry(s3: S3, name: str, size: int) -> ModelEntry:
    file = pin(s3, name, size)
    described = {"bucket": "bucket", "region": "eu-west-1", "files": [file]}
    return ModelEntry(name, "1", "", "/unused", file["digest"], size, (), (), remote=described)


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Say how many bytes /tmp has; what is in it is counted for real."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    model_cache._verified.clear()
    model_cache._given.clear()

    def have(size: int) -> None:
        def free(shelf: Path) -> int:
            return size - sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())

        monkeypatch.setattr(model_cache, "_free", free)

    return have


class Heard:
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def note(self, message: str, **facts: Any) -> None: ...

    def warning(self, message: str, **facts: Any) -> None:
        self.warnings.append(f"{message}: {Path(facts['folder']).name}")

    def downloaded(self, seconds: float) -> None: ...


def test_what_was_not_used_for_longest_goes(s3: S3, room: Callable[[int], None], tmp_path: Path) -> None:
    room(1000 * KB)
    (tmp_path / "someones").write_bytes(b"x" * 100 * KB)
    (tmp_path / model_cache.FOLDER).mkdir()
    one, two, three = (entry(s3, name, 350 * KB) for name in ("one", "two", "three"))
    for age, wanted in ((300, one), (200, two)):
        folder = remote.fetch(wanted).parent
        remote.release(wanted)
        os.utime(folder, (folder.stat().st_mtime - age,) * 2)
    remote.fetch(one)  # used again: now two is older
    remote.release(one)
    heard = Heard()
    assert remote.fetch(three, heard).is_file()
    assert heard.warnings == [f"no room in /tmp: a model that was not used for longest is removed: {remote._key(two)}"]
    assert sorted(path.name for path in model_cache.root().iterdir()) == sorted([remote._key(one), remote._key(three)])
    assert (tmp_path / "someones").is_file()
    remote.release(three)
    assert remote.fetch(two).is_file()  # fetched again


def test_a_model_that_is_just_being_opened_stays(s3: S3, room: Callable[[int], None]) -> None:
    room(500 * KB)
    one = entry(s3, "one", 300 * KB)
    first = remote.fetch(one)
    with pytest.raises(FetchError, match=r"model 'two' needs 307,200 bytes of /tmp: 204,800 bytes are free; set ephem"):
        remote.fetch(entry(s3, "two", 300 * KB))
    assert first.is_file()
    remote.release(one)
    assert remote.fetch(entry(s3, "two", 300 * KB)).is_file()
    assert not first.is_file()


def test_a_file_system_of_two_megabytes(s3: S3, tmp_path: Path) -> None:
    unshare = shutil.which("unshare")
    mount = f"mount -t tmpfs -o size=2m none {tmp_path} && "
    if unshare is None or subprocess.run([unshare, "-m", "sh", "-c", f"{mount} true"], check=False).returncode:
        pytest.skip("nothing can be mounted here")
    sizes = {"small": 900 * KB, "huge": 3000 * KB, "second": 900 * KB, "third": 900 * KB}
    command = [unshare, "-m", "sh", "-c", f'{mount} exec "$0" "$@"', sys.executable, "-c", FETCH]
    results = run(command, s3, sizes, tmp_path)
    folders = {name: digests.of_folder(pin(s3, name, size)["digest"], [name]) for name, size in sizes.items()}
    # for the huge one nothing is removed in vain, and nothing of it is left; those after it work
    assert [(name, left) for name, _, left in results] == [
        ("small", [folders["small"]]),
        ("huge", [folders["small"]]),
        ("second", sorted([folders["small"], folders["second"]])),
        ("third", sorted([folders["second"], folders["third"]])),
    ]
    assert results[1][1].startswith("FetchError: model 'huge' needs 3,072,000 bytes of /tmp: ")
    assert "bytes are free; set ephemeral_storage to 512 or more in slsdeploy.toml" in results[1][1]
    assert [size for _, size, _ in results if size.isdigit()] == [str(900 * KB)] * 3
    assert not (tmp_path / model_cache.FOLDER).exists()  # it was in there


def test_a_disk_that_is_full_only_when_written_to(s3: S3, tmp_path: Path) -> None:
    pytest.importorskip("resource")
    sizes = {"large": 900 * KB, "small": 100 * KB}
    results = run([sys.executable, "-c", FETCH], s3, sizes, tmp_path, largest_file=500 * KB)
    assert results[0][1].startswith("FetchError: model 'large' needs 921,600 bytes of /tmp: File too large; set ephem")
    assert results[0][2] == []
    assert results[1][1] == str(100 * KB)


def run(command: list[str], s3: S3, sizes: dict[str, int], folder: Path, **given: Any) -> list[Any]:
    models = {name: [pin(s3, name, size)] for name, size in sizes.items()}
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(REPOSITORY / "handlers"),
        "TMPDIR": str(folder),
        "AWS_ENDPOINT_URL": s3.endpoint,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    said = json.dumps({"largest_file": 0, "models": models, **given})
    done = subprocess.run(command, input=said, capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
