"""An image and its base that are together more than Lambda unpacks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slsdeploy import targets
from slsdeploy.bundle import base_image
from slsdeploy.errors import ProjectError
from slsdeploy.rules.rule import Finding, Rule, Subject, megabytes

# What gzip makes of Python and libraries: they unpack to two or three times their size.
_RATIO = 3


class ImageSize(Rule):
    """The image is larger than Lambda takes, with its base.

    The base's layers count as they are in the registry, compressed, so that it is larger than said; if it may be too large when they are
    unpacked to three times their size, that is a warning.

    Why: Lambda refuses the image: "Uncompressed container image size exceeds 10 GiB limit".

    Mend: build upon a smaller base, as AWS's own is, leave out what inference does not need, or keep models in S3.

    Example:
        [image]
        base = "a base with CUDA and PyTorch, 11 GB of layers"
    """

    id = "image-size"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
    phase = "bundle"  # models alone can be told of before

    def check(self, subject: Subject) -> Iterator[Finding]:
        base = _layers(subject)
        own = subject.bundle.unzipped_bytes if subject.bundle else sum(info.bytes for info in subject.infos)
        if not base or not _fits(own):  # unzipped-size says so
            return
        hint = "build upon a smaller base, or keep the models in S3 (`model` takes an s3:// address)"
        told = f"{megabytes(own)}, and its base has {megabytes(base)} compressed; Lambda takes 10 GiB unpacked"
        if not _fits(own + base):
            yield self.finding(f"the image is too large: its own parts are {told}", hint)
        elif not _fits(own + _RATIO * base):
            yield self.finding(f"the image may be too large: its own parts are {told}", hint, severity="warning")


def _fits(size: int) -> bool:
    return targets.fits(targets.find(targets.IMAGE), size)


def _layers(subject: Subject) -> int:
    """Return the bytes of the base's layers in the registry; 0 when they are not known."""
    try:
        base = subject.project.base or base_image.find(subject.project).base
    except ProjectError:  # of the lock file: others say so
        return 0
    layers: list[dict[str, Any]] = list(base.manifest.document["layers"]) if base else []
    return sum(int(layer["size"]) for layer in layers)
