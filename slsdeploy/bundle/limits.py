"""Parts and layers of others -> whether Lambda takes them together; if not, what takes the room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from slsdeploy import targets
from slsdeploy.errors import BuildError

if TYPE_CHECKING:
    from slsdeploy.bundle.parts import Kept
    from slsdeploy.layers import AttachedLayer
    from slsdeploy.targets import PackagingTarget
    from slsdeploy.types import Part

_LISTED = 10


def check_size(found: Sequence[Kept | Part], packaging: PackagingTarget, layers: Sequence[AttachedLayer]) -> None:
    """Refuse what Lambda would refuse, and say what takes the room.

    Raises BuildError.
    """
    total = sum(each.bytes or 0 for each in (*found, *layers))
    if targets.fits(packaging, total):
        return
    members = sorted((item for part in found for item in part.largest), key=lambda item: -item[1])[:_LISTED]
    lines = [f"{part.name}: {part.bytes:,} bytes" for part in found]
    lines += [f"the layer {layer.arn}: {layer.bytes:,} bytes" for layer in layers if layer.bytes]
    lines += ["the largest files:", *(f"{size:>13,}  {path}" for path, size in members)]
    message = f"the bundle is {total:,} bytes unzipped; Lambda takes less than {packaging.LIMIT:,}"
    hint = 'leave out what inference does not need (a model exported to ONNX needs no training framework), or set package = "image"'
    raise BuildError("\n  ".join([message, *lines]), hint, packaging.NAME)
