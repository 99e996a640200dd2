"""Libraries that shared objects link to and that are nowhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from slsdeploy.bundle import lambda_libraries, machine_code, tree_facts
from slsdeploy.bundle.machine_code import Missing
from slsdeploy.rules.rule import BundleRule, Finding, Severity, Subject
from slsdeploy.types import Bundle


class MissingLibrary(BundleRule):
    """A shared object links to a library that neither the bundle nor the base has.

    An error where Lambda is known not to have what a module links to that Python imports (libGL, libX11; Alpine Linux's C library). Else a
    warning. A note where the bundle has it in a place where the loader does not look: the package may load it by itself first.

    Why: the import fails: "cannot open shared object file: No such file or directory".

    Mend: take a build of the package that brings its libraries or does without (opencv-python-headless), or put the library into the folder
    lib of the project with `include`: the loader looks there.

    Example:
        a requirements.txt with opencv-python, which links to libGL.so.1
    """

    id = "missing-library"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/python-image.html"

    def check_bundle(self, subject: Subject, bundle: Bundle) -> Iterator[Finding]:
        if "linux" not in subject.project.target.platform:
            return
        by_library: dict[tuple[str, str], list[Missing]] = defaultdict(list)
        objects = [each for each in tree_facts.objects(bundle) if machine_code.fits(each, subject.project.target)]
        for each in machine_code.missing(objects, subject.has_lambdas_base):
            by_library[machine_code.package(each.object), each.library].append(each)
        for (package, library), missing in by_library.items():
            yield self._judged(package, library, missing, subject.has_lambdas_base)

    def _judged(self, package: str, library: str, missing: list[Missing], has_base: bool) -> Finding:
        first = machine_code.own(missing[0].object)
        others = f" (and {len(missing) - 1} more of {package})" if len(missing) > 1 else ""
        link = f"{first}{others} links to {library}"
        if missing[0].elsewhere:
            message = f"{link}, which is at {missing[0].elsewhere}, where the loader does not look"
            return self.finding(
                message, "put it into the project's folder lib, unless the package loads it itself", "", "note"
            )
        remedy = lambda_libraries.remedy(library)
        hint = (
            remedy
            or f"take a build of {package} that brings {library}, or put it into the project's folder lib (with `include`)"
        )
        if lambda_libraries.is_musls(library):
            return self.finding(f"{link}: it is built for Alpine Linux", f"take the manylinux wheel of {package}")
        if not has_base:
            return self.finding(f"{link}, which is not in the bundle; its base may have it", hint, "", "note")
        is_sure = lambda_libraries.lacks(library) and any(machine_code.is_imported(each.object) for each in missing)
        severity: Severity = "error" if is_sure else "warning"
        told = "is not" if lambda_libraries.lacks(library) else "is not known to be"
        return self.finding(f"{link}, which is not in the bundle, and {told} in Lambda's runtime", hint, "", severity)
