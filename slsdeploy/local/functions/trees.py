"""Trees of files in the cache: they appear whole or not at all, are laid over each other by hard links, and never follow a link."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts
WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """Yield a folder to fill; it gets its name only when the block is done, so a killed process leaves no half of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        try:
            temporary.rename(target)
        except OSError:
            if not target.is_dir():
                raise  # else another local AWS was quicker
    finally:
        if temporary.exists():
            remove_tree(temporary)


def remove_tree(folder: Path) -> None:
    """Remove a tree of read-only folders."""
    for parent, _, _ in os.walk(folder):
        Path(parent).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def freeze(folder: Path) -> None:
    """Make the folders below one read-only."""
    for parent, _, _ in os.walk(folder):
        if parent != str(folder):
            Path(parent).chmod(0o555)


def link_tree(source: Path, target: Path, whiteouts: bool = False) -> None:
    """Lay a tree over another: links where the file system can, copies elsewhere. Later files replace earlier ones.

    With `whiteouts`, files of those names take away what lies below, as in layers of images.
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        target.unlink()
    target.mkdir(parents=True, exist_ok=True)
    entries = list(os.scandir(source))
    hiding = [entry.name for entry in entries if whiteouts and entry.name.startswith(WHITEOUT)]
    for name in hiding:
        _take_away(name, target)
    for entry in entries:
        if entry.name not in hiding:
            _link(entry, target / entry.name, whiteouts)


def _take_away(name: str, target: Path) -> None:
    for hidden in target.iterdir() if name == OPAQUE else [target / name.removeprefix(WHITEOUT)]:
        _remove(hidden)


def _link(entry: os.DirEntry[str], place: Path, whiteouts: bool) -> None:
    if entry.is_dir(follow_symlinks=False):
        link_tree(Path(entry.path), place, whiteouts)
        return
    _remove(place)
    try:
        os.link(entry.path, place, follow_symlinks=False)
    except OSError:
        shutil.copy2(entry.path, place, follow_symlinks=False)


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        remove_tree(place)
    else:
        place.unlink(missing_ok=True)
