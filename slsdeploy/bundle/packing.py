"""Parts -> what is uploaded: zips, or the layers of an image and the image of them. What was packed before is linked, not packed again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from slsdeploy import targets
from slsdeploy.bundle import archive, image, layer, parts
from slsdeploy.bundle.layer import Layer
from slsdeploy.bundle.parts import Kept
from slsdeploy.oci import Assembled
from slsdeploy.targets import PackagingTarget
from slsdeploy.types import Archive, Part, Project

FOLDER = "archives"


@dataclass(frozen=True, slots=True)
class Packed:
    """The archives, and the image that they are the layers of, if they are."""

    archives: tuple[Archive, ...]
    image: Assembled | None = None


def pack(project: Project, kept: Sequence[Kept], packaging: PackagingTarget, draft: Path, folder: Path) -> Packed:
    """Put the archives into a draft of the bundle, which will be at `folder`. Parts without files are left out: Lambda refuses them."""
    (draft / FOLDER).mkdir()
    if packaging.NAME == targets.IMAGE:
        return _image(project, [part for part in kept if part.files], draft, folder)
    chosen = {name: [part for part in kept if part.name in wanted] for name, wanted in packaging.ARCHIVES.items()}
    return Packed(
        tuple(
            _zip(name, found, packaging, draft, folder)
            for name, found in chosen.items()
            if any(part.files for part in found)
        )
    )


def describe(part: Kept, folder: Path, packaging: PackagingTarget) -> Part:
    """Return what is told of a part: what it takes packed, too."""
    is_layer = packaging.NAME == targets.IMAGE
    packed = layer.layer_of(part).bytes if is_layer else parts.zip_of(part).stat().st_size
    return Part(part.name, part.digest, part.files, part.bytes, folder, part.largest, packed)


def _zip(name: str, chosen: Sequence[Kept], packaging: PackagingTarget, draft: Path, folder: Path) -> Archive:
    digest = hashlib.sha256("\n".join(part.digest for part in chosen).encode()).hexdigest()
    file = PurePosixPath(FOLDER, f"{name}-{digest}.zip")
    archive.join([parts.zip_of(part) for part in chosen], draft / file)
    return Archive(name, digest, folder / file, (draft / file).stat().st_size, packaging.ARCHIVES[name])


def _image(project: Project, kept: Sequence[Kept], draft: Path, folder: Path) -> Packed:
    layers: dict[str, Layer] = {}
    for part in kept:
        made = layer.layer_of(part)
        file = PurePosixPath(FOLDER, f"{part.name}-{made.digest.removeprefix('sha256:')}.tar.gz")
        archive.link(made.path, draft / file)
        layers[part.name] = replace(made, path=folder / file)
    archives = tuple(
        Archive(part.name, each.digest.removeprefix("sha256:"), each.path, each.bytes, (part.name,))
        for part, each in zip(kept, layers.values(), strict=True)
    )
    made_of = image.assemble(project.base, layers, project.target.architecture, draft / "image")
    return Packed(archives, replace(made_of, folder=folder / "image"))
