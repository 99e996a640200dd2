"""The base of an image that Lambda would not take."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.bundle import base_choice
from slsdeploy.errors import ProjectError
from slsdeploy.rules.rule import Finding, Rule, Subject


class BaseManifest(Rule):
    """The base of the image has layers, or a manifest, that Lambda does not take.

    Attestations among its layers, layers that are not gzip, another kind of manifest. An index is fine: its image for the function's
    architecture is taken. It is known here once the base was looked at, when it is named by its digest; until then the build says so.

    Why: Lambda refuses the image: "UnsupportedImageLayerDetected", or "The image manifest or layer media type is not supported".

    Mend: push the base again without attestations (`docker buildx build --provenance=false --sbom=false`), or name another one.

    Example:
        [image]
        base = "registry.example.com/base@sha256:...", with an in-toto layer
    """

    id = "base-manifest"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/images-create.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        if not base_choice.is_wanted(subject.project):
            return
        from slsdeploy.bundle import base_checks, base_pin
        from slsdeploy.oci import INDEXES

        try:
            seen = base_pin.seen(subject.project)
            if seen and seen[1].media_type not in INDEXES:
                base_checks.check_manifest(seen[1], seen[0])
        except ProjectError as error:
            yield self.setting(subject, ("image", "base"), error.message, error.hint)
