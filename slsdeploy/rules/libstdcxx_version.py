"""Shared objects that are built for a newer C++ library than Lambda's."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.bundle import machine_code, tree_facts
from slsdeploy.rules.rule import BundleRule, Finding, Severity, Subject
from slsdeploy.types import Bundle

_LIBRARY = "libstdc++.so.6"


class LibstdcxxVersion(BundleRule):
    """A shared object needs a newer libstdc++ than Lambda has.

    Amazon Linux 2023 has that of GCC 14: GLIBCXX_3.4.33 and CXXABI_1.3.15. A bundle may bring its own.

    Why: it does not load: "version `GLIBCXX_3.4.34' not found".

    Mend: take the package's wheel, build the object with GCC 14 or older, or link it with -static-libstdc++.

    Example:
        include = ["*.so"], and a C++ module compiled with GCC 15
    """

    id = "libstdcxx-version"
    link = "https://gcc.gnu.org/onlinedocs/libstdc++/manual/abi.html"

    def check_bundle(self, subject: Subject, bundle: Bundle) -> Iterator[Finding]:
        objects = tree_facts.objects(bundle)
        if any(_LIBRARY in (each.soname, each.path.rpartition("/")[2]) for each in objects):
            return
        severity: Severity | None = "warning" if subject.project.local else None
        severity = severity if subject.has_lambdas_base else "note"
        for found in objects:
            for library, version in machine_code.too_new(found, ("GLIBCXX", "CXXABI")):
                message = f"{machine_code.own(found)} needs {version} of {library}; Lambda has that of GCC 14"
                hint = "build it with GCC 14 or older, or with -static-libstdc++, or take the package's wheel"
                yield self.finding(message, hint, severity=severity)
