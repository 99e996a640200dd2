"""`package = "image"`: a container image of its base and a layer each for dependencies, runtime, model and code; the stablest lies lowest.

Its repository is the stack's own, and it is named by its digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slsdeploy.artifacts import Artifact, Store
    from slsdeploy.layers import SharedLayer
    from slsdeploy.types import Bundle, PartName

NAME = "image"
# uncompressed: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LIMIT = 10 * 1024**3 + 1
# Everything lies in the task root, which is on the module path of every base.
PLACES: Mapping[PartName, PurePosixPath] = {
    "dependencies": PurePosixPath("task"),
    "runtime": PurePosixPath("task"),
    "model": PurePosixPath("task/models"),
    "code": PurePosixPath("task"),
}
ARCHIVES: Mapping[str, tuple[PartName, ...]] = {
    "dependencies": ("dependencies",),
    "runtime": ("runtime",),
    "model": ("model",),
    "code": ("code",),
}
# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
NAMESPACE = "slsdeploy"


def artifact(bundle: Bundle, store: Store) -> Artifact:
    """Say where the image will live."""
    from slsdeploy.artifacts import Artifact, ImageObject
    from slsdeploy.oci import Reference

    assert bundle.image is not None, "an image was assembled"
    reference = Reference(store.registry, f"{NAMESPACE}/{store.prefix}", digest=bundle.image.digest)
    size = sum(archive.bytes for archive in bundle.archives)
    return Artifact(
        objects=(),
        properties={"PackageType": "Image", "ImageUri": str(reference)},
        digest=bundle.digest,
        package=NAME,
        image=ImageObject(bundle.image, reference, size, bundle.sbom),
    )


def layers(bundle: Bundle) -> tuple[SharedLayer, ...]:
    """Return none: there are no layers of ours."""
    return ()
