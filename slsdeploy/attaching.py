"""A bundle's bill of materials -> beside its image in a registry. What a registry refuses of it stops nothing: the image is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from slsdeploy import oci
from slsdeploy.errors import SlsdeployError

if TYPE_CHECKING:
    from slsdeploy.oci import Image, Pushed, Reference
    from slsdeploy.tools import Tools

MEDIA_TYPE = "application/vnd.cyclonedx+json"


def attach(image: Image, sbom: Path, to: Reference, tools: Tools) -> Pushed | None:
    """Attach it to an image that was pushed there; say in a note why not, and return None, where that cannot be."""
    referrer = oci.referrer(image, sbom.read_bytes(), MEDIA_TYPE, sbom.name)
    try:
        with tools.reporter.step(
            "attach bill of materials", sum(blob.descriptor.size for blob in referrer.blobs)
        ) as task:
            return tools.images.attach(referrer, to, task)
    except SlsdeployError as error:
        tools.reporter.note(f"the bill of materials is not attached to the image: {error.message}")
        return None
