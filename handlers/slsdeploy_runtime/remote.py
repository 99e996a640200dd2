"""A model that does not ship with the function -> its file, here and whole: fetched from S3 into /tmp, or found on the file system.

What is fetched lies in a folder of its own, named after the model's digest and its files' names, for whoever comes next in this execution
environment. It gets that name only when all of it is there and is what was pinned; what is found there later is hashed once per process,
which takes 270 ms for 100 MB on a processor without SHA instructions (2026-11-21).
When /tmp is short, what was not used for longest goes; nothing but our own folder is ever removed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from slsdeploy_runtime import digests, model_cache
from slsdeploy_runtime.s3_answer import FetchError, Source
from slsdeploy_runtime.watch import Silent, Watch

if TYPE_CHECKING:
    from slsdeploy_runtime.manifest import ModelEntry

SECONDS = 600.0
# a file system is read over the network: what is larger than this is compared by its size alone
HASHED = 200 * 1000**2


_locks: dict[str, threading.Lock] = {}
_all_locks = threading.Lock()


def fetch(entry: ModelEntry, watch: Watch | None = None, seconds: float = SECONDS) -> Path:
    """Return the file of a model with `remote`; its other files are beside it. Threads that want the same one wait for each other.

    Call `release` when it is loaded. Raises FetchError when it cannot be had (in `seconds`), or is not what was pinned.
    """
    assert entry.remote is not None, entry.name
    if "bucket" not in entry.remote:
        return _on_file_system(entry, entry.remote["files"])
    key, sources = _key(entry), _sources(entry.remote)
    with _all_locks:
        lock = _locks.setdefault(key, threading.Lock())
    with lock:
        return _from_s3(entry, key, sources, watch or Silent(), seconds)


def release(entry: ModelEntry) -> None:
    """Say that a model that was fetched is loaded, or never will be: its files may make room for others'."""
    model_cache.release(_key(entry))


def _key(entry: ModelEntry) -> str:
    assert entry.remote is not None, entry.name
    return digests.of_folder(entry.digest, [file["name"] for file in entry.remote["files"]])


def _sources(remote: Mapping[str, Any]) -> dict[str, Source]:
    """Return the pinned objects by the names that their files get; the model itself comes first."""
    region = remote["region"] or os.environ.get("AWS_REGION", "us-east-1")
    return {
        file["name"]: Source(
            remote["bucket"], file["key"], region, file["version"], file["etag"], file["bytes"], file["digest"]
        )
        for file in remote["files"]
    }


def _from_s3(entry: ModelEntry, key: str, sources: Mapping[str, Source], watch: Watch, seconds: float) -> Path:
    wanted = {name: (source.bytes, source.digest) for name, source in sources.items()}
    main = next(iter(sources))
    kept = model_cache.find(key, wanted, watch)
    if kept is not None:
        return kept / main
    from slsdeploy_runtime import s3_download  # not needed by who finds it here

    size = sum(source.bytes for source in sources.values())
    began = perf_counter()
    try:
        with model_cache.draft(key, wanted, watch) as draft:
            pairs = [(source, str(draft / name)) for name, source in sources.items()]
            retries = s3_download.download(entry.name, pairs, watch, seconds)
            folder = model_cache.keep(key, draft, wanted, watch)
    except (s3_download.DiskFull, model_cache.NoRoom) as error:
        more = f"set ephemeral_storage to {model_cache.enough(size)} or more in slsdeploy.toml"
        raise FetchError(f"model {entry.name!r} needs {size:,} bytes of /tmp: {error}; {more}") from error
    took = perf_counter() - began
    watch.downloaded(took)
    speed = round(size / took / 1e6, 1)
    watch.note("model downloaded", model=entry.name, seconds=round(took, 3), mb_per_second=speed, retries=retries)
    return folder / main


def _on_file_system(entry: ModelEntry, files: Sequence[Mapping[str, Any]]) -> Path:
    """Make sure that what is mounted is what was built with."""
    paths = [Path(entry.path).parent / file["name"] for file in files]
    for file, path in zip(files, paths, strict=True):
        try:
            size = path.stat().st_size
        except OSError as error:
            raise FetchError(f"model {entry.name!r} is not on the file system: {path}: {error.strerror}") from error
        if size != file["bytes"]:
            raise FetchError(f"{path} has {size:,} bytes, the model that was built with has {file['bytes']:,}: {_COPY}")
    if entry.verify or entry.bytes < HASHED:
        found = digests.of_files(
            [(file["name"], digests.of_file(path)) for file, path in zip(files, paths, strict=True)]
        )
        if found != entry.digest:
            raise FetchError(
                f"{entry.path} has the sha256 {found}, the model that was built with {entry.digest}: {_COPY}"
            )
    return Path(entry.path)


_COPY = "copy the same file to both places, then deploy again"
