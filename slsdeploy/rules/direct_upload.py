"""An archive is larger than Lambda takes without S3."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy import targets
from slsdeploy.layers import DIRECT_LIMIT
from slsdeploy.rules.rule import BundleRule, Finding, Subject, megabytes
from slsdeploy.types import Bundle


class DirectUpload(BundleRule):
    """An archive is larger than Lambda takes without S3.

    Why: `up` goes over S3 and is not touched by it; the console and `aws lambda update-function-code --zip-file` are: they take 50 MB.

    Mend: nothing to do, unless you upload the archive yourself.

    Example:
        a requirements.txt with torch in it
    """

    id = "direct-upload"
    severity = "note"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"

    def check_bundle(self, subject: Subject, bundle: Bundle) -> Iterator[Finding]:
        if subject.package == targets.IMAGE:  # its archives are layers, which go to a registry
            return
        for archive in bundle.archives:
            if archive.bytes > DIRECT_LIMIT:
                message = (
                    f"the archive {archive.name} is {megabytes(archive.bytes)}: it can only be uploaded through S3"
                )
                yield self.finding(message, "nothing to do: `up` does that")
