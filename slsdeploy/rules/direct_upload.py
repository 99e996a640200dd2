"""An archive is larger than Lambda takes without S3."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy import targets
from slsdeploy.rules.rule import Finding, Rule, Subject, megabytes

LIMIT = 50 * 1024**2


class DirectUpload(Rule):
    """`up` goes over S3 and is not touched by it; the console and `aws lambda update-function-code --zip-file` are."""

    id = "direct-upload"
    severity = "note"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        if subject.package == targets.IMAGE:  # its archives are layers, which go to a registry
            return
        for archive in subject.bundle.archives if subject.bundle else ():
            if archive.bytes > LIMIT:
                message = (
                    f"the archive {archive.name} is {megabytes(archive.bytes)}: it can only be uploaded through S3"
                )
                yield self.finding(message, "nothing to do: `up` does that", archive.path.name)
