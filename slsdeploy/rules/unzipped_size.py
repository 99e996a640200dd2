"""What ships is larger than Lambda unpacks."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy import targets
from slsdeploy.rules.rule import Finding, Rule, Subject, megabytes
from slsdeploy.types import Bundle, ModelInfo


class UnzippedSize(Rule):
    """What ships is larger than Lambda unpacks.

    Function and layers, those of others too, must together stay below 250 MiB; an image below 10 GiB. Before the first build only the
    models and the layers of others are counted.

    Why: Lambda refuses the function, after everything has been uploaded.

    A build that is too large ends with exit code 3, also where this rule is ignored.

    Mend: leave out what inference does not need (a model exported to ONNX needs no training framework), export a smaller model (half
    precision, int8), keep the model in S3, or ship an image: package = "image".

    Example:
        model = "model.onnx"  # 300 MB of weights
        package = "zip"
    """

    id = "unzipped-size"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        target = targets.find(_package(subject))
        size = subject.bundle.unzipped_bytes if subject.bundle else sum(info.bytes for info in _shipped(subject))
        attached = sum(layer.bytes or 0 for layer in subject.project.layers)
        if not targets.fits(target, size + attached):
            what = "the bundle is" if subject.bundle else "the models alone are"
            if attached:
                what = what.replace(" is", " and `layers` are").replace("alone are", "and `layers` alone are")
            size += attached
            message = f"{what} {megabytes(size)} unzipped; Lambda takes less than {megabytes(target.LIMIT)}"
            yield self.finding(message, _largest(subject.bundle) + "export a smaller model (half precision, int8)")


def _package(subject: Subject) -> str:
    """Say what "auto" would be at most: an image, which takes more, but no layers of others."""
    if subject.package != targets.AUTO:
        return subject.package
    return targets.FIRST if subject.project.layers else targets.IMAGE


def _shipped(subject: Subject) -> list[ModelInfo]:
    found = (subject.models.get(model.name) for model in subject.project.models if model.origin is None)
    return [info for info in found if isinstance(info, ModelInfo)]


def _largest(bundle: Bundle | None) -> str:
    if bundle is None:
        return ""
    members = sorted((member for part in bundle.parts for member in part.largest), key=lambda member: -member[1])
    return "leave out some of " + ", ".join(f"{path} ({megabytes(size)})" for path, size in members[:5]) + "; or "
