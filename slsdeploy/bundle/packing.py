"""Parts -> what is uploaded: zips, or the layers of an image and the image of them. What was packed before is linked, not packed again."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, get_args

from slsdeploy import targets
from slsdeploy.bundle import archive, engine, image, layer, parts, saved, tree
from slsdeploy.types import Archive, Part, PartName, Project

if TYPE_CHECKING:
    from slsdeploy.bundle.ahead import Begun
    from slsdeploy.bundle.layer import Layer
    from slsdeploy.bundle.parts import Kept
    from slsdeploy.oci import Assembled
    from slsdeploy.targets import PackagingTarget
    from slsdeploy.tools import Tools

FOLDER = "archives"


@dataclass(frozen=True, slots=True)
class Packed:
    """The archives, and the image that they are the layers of, if they are."""

    archives: tuple[Archive, ...]
    image: Assembled | None = None


def pack(
    project: Project, kept: Sequence[Kept], begun: Begun, packaging: PackagingTarget, draft: Path, tools: Tools
) -> Packed:
    """Put the archives into a draft of the bundle, which will be at its place; `begun` is what was packed ahead of time.

    Parts without files are left out: Lambda refuses them.
    """
    (draft / FOLDER).mkdir()
    folder = project.work / "bundle"
    if packaging.NAME == targets.IMAGE and engine.is_wanted(project):
        return _built(project, kept, draft, folder, tools)
    if packaging.NAME == targets.IMAGE:
        return _assembled(project, [part for part in kept if part.files], begun, draft)
    for part in kept:
        parts.zip_of(part, begun.entries.get(part.name))
    chosen = {name: [part for part in kept if part.name in wanted] for name, wanted in packaging.ARCHIVES.items()}
    return Packed(
        tuple(
            _zip(name, found, packaging, draft, folder)
            for name, found in chosen.items()
            if any(part.files for part in found)
        )
    )


def describe(part: Kept, folder: Path, packed: Packed) -> Part:
    """Return what is told of a part: what it takes packed, too, where that is known."""
    if packed.image is None:
        size = parts.zip_of(part).stat().st_size
    else:
        size = next((archive.bytes for archive in packed.archives if archive.parts == (part.name,)), 0)
    return Part(part.name, part.digest, part.files, part.bytes, folder, part.largest, size)


def _zip(name: str, chosen: Sequence[Kept], packaging: PackagingTarget, draft: Path, folder: Path) -> Archive:
    digest = hashlib.sha256("\n".join(part.digest for part in chosen).encode()).hexdigest()
    file = PurePosixPath(FOLDER, f"{name}-{digest}.zip")
    archive.join([parts.zip_of(part) for part in chosen], draft / file)
    return Archive(name, digest, folder / file, (draft / file).stat().st_size, packaging.ARCHIVES[name])


def _assembled(project: Project, kept: Sequence[Kept], begun: Begun, draft: Path) -> Packed:
    folder = project.work / "bundle"
    layers: dict[str, Layer] = {}
    for part in kept:
        future = begun.layers.get(part.name)
        layers[part.name] = future.result() if future else layer.layer_of(part)
    placed = _placed(layers, draft, folder)
    made_of = image.assemble(project.base, placed, project.target.architecture, draft / "image")
    return Packed(_archives(placed), replace(made_of, folder=folder / "image"))


def _built(project: Project, kept: Sequence[Kept], draft: Path, folder: Path, tools: Tools) -> Packed:
    """Let an engine build it, of a context with a folder for each part."""
    with tempfile.TemporaryDirectory(prefix=".draft-engine-", dir=project.work) as scratch:
        context, archive_of = Path(scratch, "context"), Path(scratch, "image.tar")
        for part in kept:
            _lay_out(part, context / part.name)
        program = engine.find(project, tools)
        with tools.reporter.step(f"build with {program.program}"):
            engine.build(program, project, context, archive_of, tools)
        names = () if project.config.image.dockerfile else [part.name for part in kept]
        made_of, layers = saved.assemble(archive_of, project, names, draft / "image")
    placed = _placed(layers, draft, folder)
    listed = tuple((name, each.digest, each.path) for name, each in placed.items())
    return Packed(_archives(placed), replace(made_of, folder=folder / "image", layers=listed))


def _placed(layers: Mapping[str, Layer], draft: Path, folder: Path) -> dict[str, Layer]:
    """Put the layers into the draft; say where they will be."""
    placed = {}
    for name, made in layers.items():
        file = PurePosixPath(FOLDER, f"{name}-{made.digest.removeprefix('sha256:')}.tar.gz")
        archive.link(made.path, draft / file)
        placed[name] = replace(made, path=folder / file)
    return placed


def _archives(layers: Mapping[str, Layer]) -> tuple[Archive, ...]:
    return tuple(
        Archive(name, each.digest.removeprefix("sha256:"), each.path, each.bytes, _parts(name))
        for name, each in layers.items()
    )


def _parts(layer: str) -> tuple[PartName, ...]:
    return tuple(name for name in get_args(PartName) if name == layer)


def _lay_out(part: Kept, folder: Path) -> None:
    """Put a part's files into a folder whose modes Lambda's own user can read, whatever the umask."""
    (folder / "task").mkdir(parents=True)
    archive.link_all(part.tree, tree.walk(part.tree), folder)
    for each in (folder, *folder.rglob("*")):
        if each.is_dir():
            each.chmod(0o755)
