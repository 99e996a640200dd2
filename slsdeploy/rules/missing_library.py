"""Libraries that shared objects link to and that are nowhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from slsdeploy.bundle import lambda_libraries, machine_code, tree_facts
from slsdeploy.bundle.machine_code import Missing
from slsdeploy.rules.rule import BundleRule, Finding, Subject
from slsdeploy.types import Bundle


class MissingLibrary(BundleRule):
    """A shared object links to a library that neither the bundle nor the base has.

    An error for what needs Alpine Linux's C library: nothing of it loads on Lambda. Else a warning: the package may do without that object.
    A note where the bundle has the library in a place where the loader does not look, since the package may load it by itself first; and
    upon a base of one's own, whose libraries are not known here.

    Why: the import fails: "cannot open shared object file: No such file or directory".

    Mend: take a build of the package that brings its libraries or does without (opencv-python-headless), or put the library into the folder
    lib of the project with `include`: the loader looks there.

    Example:
        a requirements.txt with opencv-python, which links to libGL.so.1
    """

    id = "missing-library"
    severity = "warning"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/python-image.html"

    def check_bundle(self, subject: Subject, bundle: Bundle) -> Iterator[Finding]:
        target, has_base = subject.project.target, subject.has_lambdas_base
        if "linux" not in target.platform:
            return
        objects = [each for each in tree_facts.objects(bundle) if machine_code.fits(each, target)]
        kinds: dict[tuple[str, str], list[Missing]] = defaultdict(list)
        for each in machine_code.missing(objects, has_base):
            kinds[_kind(each, has_base), machine_code.package(each.object)].append(each)
        for (kind, package), missing in sorted(kinds.items()):
            yield self._told(kind, package, missing)

    def _told(self, kind: str, package: str, missing: list[Missing]) -> Finding:
        first, libraries = missing[0], list(dict.fromkeys(each.library for each in missing))
        others = len({each.object.path for each in missing}) - 1
        what = f"{machine_code.own(first.object)}{f' (and {others} more of {package})' if others else ''} links to"
        names = ", ".join(libraries[:4]) + (f" and {len(libraries) - 4} more" if len(libraries) > 4 else "")
        remedies = (lambda_libraries.remedy(library) for library in libraries)
        hint = next(
            filter(None, remedies),
            f"take a build of {package} that brings them, or put them into the folder lib (with `include`)",
        )
        match kind:
            case "musl":
                return self.finding(
                    f"{what} {names}: it is built for Alpine Linux",
                    f"take the manylinux wheel of {package}",
                    "",
                    "error",
                )
            case "elsewhere":
                message = f"{what} {first.library}, which is at {first.elsewhere}, where the loader does not look"
                return self.finding(
                    message, "put it into the folder lib, unless the package loads it by itself", "", "note"
                )
            case "unknown":
                return self.finding(f"{what} {names}: not in the bundle; the base may have it", hint, "", "note")
        return self.finding(f"{what} {names}: not in the bundle, nor in Lambda's runtime", hint)


def _kind(missing: Missing, has_base: bool) -> str:
    if lambda_libraries.is_musls(missing.library):
        return "musl"
    if missing.elsewhere:
        return "elsewhere"
    return "absent" if has_base else "unknown"
