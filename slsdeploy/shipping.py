"""A bundle's image -> where `build` is told to bring it: a registry (`--push`), files (`--output`). What becomes of it is in the answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slsdeploy import bundle as building
from slsdeploy import targets
from slsdeploy.bundle import disk
from slsdeploy.config import FILE
from slsdeploy.errors import ProjectError

if TYPE_CHECKING:
    from slsdeploy.exports import Export
    from slsdeploy.oci import Image, Pushed, Reference
    from slsdeploy.results.prepare import Built
    from slsdeploy.tools import Tools
    from slsdeploy.types import Bundle, Project

LATEST = "latest"  # as Docker has it, when no tag is given


@dataclass(frozen=True, slots=True)
class Shipment:
    """Where an image goes."""

    to: Reference | None
    exports: tuple[Export, ...]


def read(project: Project, push: str, outputs: Sequence[str], tools: Tools) -> tuple[Project, Shipment]:
    """Understand `--push` and `--output`, before anything is built; return the project as it is built for them.

    Raises ProjectError for what cannot be, as for another package than an image.
    """
    if not push and not outputs:
        return project, Shipment(None, ())
    _check(project, "--push" if push else "--output")
    if project.config.package == "auto":
        tools.reporter.note('package = "auto": an image, as it is to be pushed or written as one')
        project = replace(project, config=project.config.model_copy(update={"package": targets.IMAGE}))
    from slsdeploy import exports

    return project, Shipment(_to(push), tuple(exports.read(text, project) for text in outputs))


def ship(bundle: Bundle, shipment: Shipment, tools: Tools) -> Built:
    """Bring the bundle's image there; say what that took.

    Raises ToolError and AwsError when a registry fails or refuses, ProjectError when something else is where a file should be.
    """
    built = building.describe(bundle)
    if bundle.image is None:
        return built
    from slsdeploy import attaching, exports

    image, pushed, attached = bundle.image.read(), None, None
    for export in shipment.exports:
        with disk.ours(f"--output: {export.path}"):
            exports.write(export, image, tools)
    if shipment.to is not None:
        with tools.reporter.step(f"push {shipment.to}", total=sum(_sizes(image))) as task:
            pushed = tools.images.push(image, shipment.to, task)
        attached = attaching.attach(image, bundle.sbom, shipment.to, tools)
    return replace(built, image=_shown(image, [pushed, attached], shipment.exports))


def _check(project: Project, option: str) -> None:
    package = project.config.package
    if package not in (targets.IMAGE, "auto"):
        hint = f'set `package = "{targets.IMAGE}"` in {FILE}, or `--set package={targets.IMAGE}` for this run'
        raise ProjectError(f'{option} is for images; the package is "{package}"', hint, FILE)
    if project.local:
        hint = f"leave out --local: {option} needs an image that runs elsewhere, too"
        raise ProjectError("an image for the local AWS is of this machine, and has no base", hint, option)


def _to(push: str) -> Reference | None:
    if not push:
        return None
    from slsdeploy import oci

    to = oci.reference(push)
    if to.digest:
        hint = "name a tag instead: the digest is what comes out"
        raise ProjectError(f"nothing can be pushed as {to}: an image has the digest of its content", hint, "--push")
    return replace(to, tag=to.tag or LATEST)


def _sizes(image: Image) -> Iterator[int]:
    return (blob.descriptor.size for blob in image.blobs)


def _shown(image: Image, sent: Sequence[Pushed | None], written: Iterable[Export]) -> Mapping[str, Any]:
    """Say what became of the image; `sent` are the pushes of itself and of its bill of materials."""
    pushed, attached = sent
    layers = [blob for blob in image.blobs if not isinstance(blob.source, bytes)]
    return {
        "reference": str(pushed.reference) if pushed else "",
        "digest": image.digest,
        "layers": [
            {
                "name": blob.name,
                "digest": blob.descriptor.digest,
                "bytes": blob.descriptor.size,
                "reused": blob.descriptor.digest in pushed.reused if pushed else None,
            }
            for blob in layers
        ],
        "uploaded_bytes": sum(each.uploaded_bytes for each in sent if each),
        "sbom": str(attached.reference) if attached else "",
        "outputs": [
            {"type": export.form, "path": str(export.path), "bytes": _bytes(export.path)} for export in written
        ],
    }


def _bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())
