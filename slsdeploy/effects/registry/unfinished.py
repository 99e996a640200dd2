"""Uploads that were begun: their URLs, in this user's cache, so that the next run goes on with them. Losing one loses only time.

A URL may let whoever has it write to that upload: the folder is the user's alone.
"""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from pathlib import Path

from slsdeploy import assets, oci

_DAYS = 7  # that registries keep them: https://distribution.github.io/distribution/about/configuration/#uploadpurging
_FOLDER = "uploads"


def remember(to: oci.Reference, digest: str, url: str) -> None:
    """Keep where an upload goes on."""
    with suppress(OSError):
        path = _path(to, digest)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        assets.write_atomically(path, json.dumps({"blob": f"{to.host}/{to.repository}@{digest}", "url": url}).encode())


def recall(to: oci.Reference, digest: str) -> str:
    """Return where an upload goes on, "" when none was begun."""
    try:
        found = json.loads(_path(to, digest).read_text(encoding="utf-8"))
        return str(found["url"]) if found["blob"] == f"{to.host}/{to.repository}@{digest}" else ""
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def forget(to: oci.Reference, digest: str) -> None:
    """Drop an upload: it is complete, or gone."""
    with suppress(OSError):
        _path(to, digest).unlink(missing_ok=True)


def forget_old() -> None:
    """Drop what no registry knows any more."""
    with suppress(OSError):
        for path in (assets.cache_dir() / _FOLDER).iterdir():
            if path.stat().st_mtime < time.time() - _DAYS * 86400:
                path.unlink(missing_ok=True)


def _path(to: oci.Reference, digest: str) -> Path:
    name = hashlib.sha256(f"{to.host}/{to.repository}@{digest}".encode()).hexdigest()
    return assets.cache_dir() / _FOLDER / f"{name}.json"
