"""A bundle that is larger than Lambda takes -> the error that says what takes its room.

Such a bundle is laid out beside the last good one, described like it, but not packed: `check` looks at it, and the next build that
would make the same needs not make it to refuse it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from slsdeploy import targets
from slsdeploy.bundle import record, tree
from slsdeploy.bundle.parts import Kept
from slsdeploy.layers import AttachedLayer
from slsdeploy.results.prepare import TooLargeError
from slsdeploy.targets import PackagingTarget
from slsdeploy.types import Bundle, Part, Project

_FOLDER = "too-large"
_LISTED = 10


def place(project: Project) -> Path:
    """Return where it is laid out."""
    return project.work / _FOLDER


def size(parts: Sequence[Kept | Part], layers: Sequence[AttachedLayer]) -> int:
    """Return the bytes that Lambda would count: those of attached layers too."""
    return sum(each.bytes or 0 for each in (*parts, *layers))


def fits(parts: Sequence[Kept | Part], packaging: PackagingTarget, project: Project) -> bool:
    """Say whether Lambda takes that much."""
    return targets.fits(packaging, size(parts, project.layers))


def too_large(project: Project, packaging: PackagingTarget, key: str) -> Bundle | None:
    """Return the one of that key, if it still is too large: layers of others may have gone."""
    found = record.read(place(project), key)
    return None if found is None or fits(found.parts, packaging, project) else found


def refuse(bundle: Bundle, packaging: PackagingTarget, project: Project) -> None:
    """Refuse what Lambda would refuse, and say what takes the room; forget the last that was, when this one is not.

    Raises TooLargeError.
    """
    if fits(bundle.parts, packaging, project):
        tree.remove(place(project))
        return
    members = sorted((item for part in bundle.parts for item in part.largest), key=lambda item: -item[1])[:_LISTED]
    own = {path for part in bundle.parts if part.name == "code" for path, _ in part.largest}
    lines = [f"the layer {layer.arn}: {layer.bytes:,} bytes" for layer in project.layers if layer.bytes]
    lines += ["the largest files:", *(f"{size:>13,}  {path}" for path, size in members)]
    total = size(bundle.parts, project.layers)
    message = f"the bundle is {total:,} bytes unzipped; Lambda takes less than {packaging.LIMIT:,}"
    hint = "leave out what inference does not need (a model exported to ONNX needs no training framework)"
    if members and members[0][0] in own:
        hint = (
            f"leave {members[0][0].partition('/')[2]} out with `exclude`, and read it from S3 when the function starts"
        )
    told = "\n  ".join([message, *lines])
    raise TooLargeError(told, f'{hint}, or set package = "image"', built=record.describe(bundle))
