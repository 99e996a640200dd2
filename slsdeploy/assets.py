"""Where things are: what this package carries (templates, the runtime), and this user's folders for caches and state."""

from __future__ import annotations

import contextlib
import os
from importlib.util import find_spec
from pathlib import Path

import platformdirs


def templates() -> Path:
    """Return the folder of templates: inside the wheel, or beside the package in a checkout."""
    here = Path(__file__).parent
    packaged = here / "templates"
    return packaged if packaged.is_dir() else here.parent / "templates"


def runtime() -> Path:
    """Return the folder of `slsdeploy_runtime`, which is copied into every bundle."""
    spec = find_spec("slsdeploy_runtime")
    assert spec is not None and spec.origin is not None, "slsdeploy is installed without its runtime"
    return Path(spec.origin).parent


def cache_dir() -> Path:
    """Return where what can be made again is kept (`SLSDEPLOY_CACHE_DIR`, or the platform's place)."""
    override = os.environ.get("SLSDEPLOY_CACHE_DIR")
    return Path(override) if override else platformdirs.user_cache_path("slsdeploy")


def state_dir() -> Path:
    """Return where the local AWS keeps what it knows (`SLSDEPLOY_STATE_DIR`, or the platform's place)."""
    override = os.environ.get("SLSDEPLOY_STATE_DIR")
    return Path(override) if override else platformdirs.user_state_path("slsdeploy")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees all of it or none: to a neighbour first, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    neighbour = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        neighbour.write_bytes(content)
        neighbour.replace(path)
    finally:
        neighbour.unlink(missing_ok=True)


def discard(path: Path) -> None:
    """Empty a kept file that is damaged, and so every link to it: by its size the next build sees that it has to be made anew."""
    with contextlib.suppress(OSError):
        os.truncate(path, 0)
