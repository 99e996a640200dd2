"""What the installer leaves for itself."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.bundle.slim.cut import Cut, Piece
from slsdeploy.bundle.slim.installed import Installed
from slsdeploy.bundle.slim.wish import Wish

_RECORDS = frozenset({"INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"})


class Records(Cut):
    """Takes the installer's records, its lock and foreign bytecode. They are of this machine (times, paths, another Python): always.

    METADATA, entry points and licences stay: importlib.metadata reads them, and licences ask for it; so does RECORD (see `listing`).
    """

    name = "records"
    why = "the installer's own records, and bytecode of another Python"
    always = True

    def select(self, installed: Installed, wish: Wish) -> Iterator[Piece]:
        yield self.piece("records", frozenset(path for path in installed.files if _is_record(path)))


def _is_record(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    is_info = folder.endswith(".dist-info") and name in _RECORDS
    return is_info or path == ".lock" or path.endswith(".pyc") or "__pycache__" in folder.split("/")
