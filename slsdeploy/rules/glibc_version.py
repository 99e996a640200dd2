"""Shared objects that are built for a newer C library than Lambda's."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.bundle import machine_code, tree_facts
from slsdeploy.rules.rule import BundleRule, Finding, Severity, Subject
from slsdeploy.types import Bundle


class GlibcVersion(BundleRule):
    """A shared object needs a newer glibc than Lambda has.

    Python 3.12 and later run on Amazon Linux 2023, with glibc 2.34. For an image upon another base, whose glibc is not known here, it is a
    note; for the local AWS, whose functions have this machine's, a warning.

    Why: it does not load: "version `GLIBC_2.38' not found".

    Mend: take a wheel of manylinux_2_34 or older, or build the object on Amazon Linux 2023.

    Example:
        include = ["*.so"], and a module compiled on Ubuntu 24.04 (glibc 2.39)
    """

    id = "glibc-version"
    link = "https://docs.aws.amazon.com/linux/al2023/ug/glibc-gcc-and-binutils.html"

    def check_bundle(self, subject: Subject, bundle: Bundle) -> Iterator[Finding]:
        severity: Severity | None = "warning" if subject.project.local else None
        severity = severity if subject.has_lambdas_base else "note"
        for found in tree_facts.objects(bundle):
            for library, version in machine_code.too_new(found, ("GLIBC",)):
                message = f"{machine_code.own(found)} needs {version} of {library}; Lambda has glibc 2.34"
                hint = f"take an older build of {machine_code.package(found)} (manylinux_2_34), or build it on Amazon Linux 2023"
                yield self.finding(message, hint, severity=severity)
