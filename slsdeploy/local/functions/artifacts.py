"""Turns a function's zip and its layers, or its image, into the two folders that Lambda mounts: `task` (/var/task) and `opt` (/opt).

Each archive or layer is extracted once per sha256; each combination is laid out once, by hard links, layer over layer.
Both appear in the cache whole or not at all, and hold read-only files.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import threading
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from slsdeploy.local.functions import image_layers
from slsdeploy.local.functions.trees import freeze, link_tree, remove_tree, whole
from slsdeploy.local.functions.values import Archive, ContainerImage, FunctionSpec, ImageLayer

KEPT_SECONDS = 7 * 86400


@dataclass(frozen=True, slots=True)
class Mounts:
    """The folders to be mounted as /var/task and /opt; the Python that an image's files are for ("3.13"), "" when they do not tell."""

    task: Path
    opt: Path
    python: str = ""


class Artifacts:
    """The cache of extracted archives. Thread-safe."""

    def __init__(self, cache: Path) -> None:
        self._archives = cache / "archives"
        self._layers = cache / "layers"
        self._trees = cache / "trees"
        self._lock = threading.Lock()

    def mounts(self, spec: FunctionSpec) -> Mounts:
        """Return the folders of a function's version, extracting what is not there yet. Raises ValueError for a bad archive."""
        with self._lock:
            return self._of_image(spec.code) if isinstance(spec.code, ContainerImage) else self._of_zips(spec)

    def _of_zips(self, spec: FunctionSpec) -> Mounts:
        archives = [each for each in (spec.code, *spec.layers) if isinstance(each, Archive)]
        parts = [each.digest for each in archives]
        tree = self._trees / hashlib.sha256(" ".join(parts).encode()).hexdigest()
        if not tree.is_dir():
            code, *layers = [self._extracted(each) for each in archives]
            with whole(tree) as folder:
                link_tree(code, folder / "task")
                (folder / "opt").mkdir()
                for layer in layers:
                    link_tree(layer, folder / "opt")
        _touch(tree, *(self._archives / part for part in parts))
        return Mounts(tree / "task", tree / "opt")

    def _of_image(self, image: ContainerImage) -> Mounts:
        """Lay the layers over each other; what is laid out is known by them, whatever else there is in the image."""
        names = [layer.digest.removeprefix("sha256:") for layer in image.layers]
        tree = self._trees / hashlib.sha256(" ".join(["image", *names]).encode()).hexdigest()
        layers = [self._layers / name for name in names]
        if not tree.is_dir():
            for layer, folder in zip(image.layers, layers, strict=True):
                self._extract_layer(layer, folder)
            known = [image_layers.facts(folder) for folder in layers]
            image_layers.check_size(known)
            with whole(tree) as folder:
                image_layers.lay(layers, folder)
                (folder / "python").write_text(image_layers.python_of(known))
        _touch(tree, *layers)
        return Mounts(tree / "task", tree / "opt", (tree / "python").read_text())

    def _extract_layer(self, layer: ImageLayer, target: Path) -> None:
        if not target.is_dir():
            if not layer.path.is_file():
                raise ValueError("the image was deleted, and Lambda has no copy of it")
            with whole(target) as folder:
                image_layers.extract(layer.path, folder)

    def clean(self) -> None:
        """Remove what no function has used for a week."""
        limit = time.time() - KEPT_SECONDS
        for folder in (self._trees, self._archives, self._layers):
            for entry in folder.iterdir() if folder.is_dir() else ():
                if entry.stat().st_mtime < limit:
                    remove_tree(entry)

    def _extracted(self, archive: Archive) -> Path:
        target = self._archives / archive.digest
        if not target.is_dir():
            with whole(target) as folder:
                _extract(archive.read(), folder)
        return target


def _touch(*folders: Path) -> None:
    """Say that these are used: what is not, for a week, is removed."""
    for folder in folders:
        if folder.is_dir():
            os.utime(folder)


def _extract(content: bytes, folder: Path) -> None:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except zipfile.BadZipFile as error:
        raise ValueError("Could not unzip uploaded file. Please check your file, then try to upload again.") from error
    with archive:
        for member in archive.infolist():
            _extract_member(archive, member, folder)
    freeze(folder)


def _extract_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    path = PurePosixPath(member.filename)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"the archive has a member outside of it: {member.filename}")
    target = folder / path
    # Before anything is made: `mkdir` and `open` would follow a link that an earlier member has left here.
    if any((folder / parent).is_symlink() for parent in path.parents):
        raise ValueError(f"the archive has a member behind a link: {member.filename}")
    if member.is_dir():
        if target.is_symlink():
            raise ValueError(f"the archive has a member twice: {member.filename}")
        target.mkdir(parents=True, exist_ok=True)
        return
    if target.is_symlink() or target.exists():
        raise ValueError(f"the archive has a member twice: {member.filename}")
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = member.external_attr >> 16
    if stat.S_ISLNK(mode):
        target.symlink_to(archive.read(member).decode())
        return
    with archive.open(member) as source, target.open("xb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)
    # Lambda runs functions as a user of its own: what others may not execute is not executable there either.
    target.chmod(0o555 if mode & 0o111 else 0o444)
