"""What ships is larger than Lambda unpacks."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject, megabytes
from slsdeploy.types import Bundle

LIMIT = 262_144_000


class UnzippedSize(Rule):
    """Function and layers together must stay below 262,144,000 bytes (250 MiB) once unpacked. Images have a limit of their own."""

    id = "unzipped-size"
    title = "the bundle is larger than 250 MiB unzipped"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        if subject.package == "image":
            return
        size = subject.bundle.unzipped_bytes if subject.bundle else sum(info.bytes for info in subject.infos)
        if size >= LIMIT:
            what = "the bundle is" if subject.bundle else "the models alone are"
            message = f"{what} {megabytes(size)} unzipped; Lambda takes less than {megabytes(LIMIT)}"
            yield self.finding(message, _largest(subject.bundle) + "export a smaller model (half precision, int8)")


def _largest(bundle: Bundle | None) -> str:
    if bundle is None:
        return ""
    members = sorted((member for part in bundle.parts for member in part.largest), key=lambda member: -member[1])
    return "leave out some of " + ", ".join(f"{path} ({megabytes(size)})" for path, size in members[:5]) + "; or "
