"""Shared objects of the dependencies that are not the function's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from slsdeploy.bundle import machine_code, tree_facts
from slsdeploy.bundle.shared_objects import SharedObject
from slsdeploy.rules.rule import BundleRule, Finding, Subject
from slsdeploy.types import Bundle


class ElfArchitecture(BundleRule):
    """A shared object of a dependency is made for another machine or system than the function's.

    Modules that Python imports are errors. Other libraries are a warning: some packages bring those of all systems, and choose.

    Why: Python cannot load it on Lambda: the import fails with "cannot open shared object file" or "invalid ELF header".

    Mend: take the package from an index: its wheel is chosen for the function's platform. A wrong tag is its maker's to mend.

    Example:
        a wheel tagged py3-none-any with a module for x86_64, in a function for arm64
    """

    id = "elf-architecture"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/foundation-arch.html"

    def check_bundle(self, subject: Subject, bundle: Bundle) -> Iterator[Finding]:
        target = subject.project.target
        found = [each for each in tree_facts.objects(bundle) if machine_code.own(each) not in subject.contents.files]
        fitting = {machine_code.stem(each.path) for each in found if machine_code.fits(each, target)}
        wrong: dict[tuple[str, str, bool], list[SharedObject]] = defaultdict(list)
        for each in found:
            misfit = machine_code.misfit(each, target)
            if misfit and machine_code.stem(each.path) not in fitting:
                wrong[machine_code.package(each), misfit, machine_code.is_imported(each)].append(each)
        for (package, misfit, is_imported), objects in wrong.items():
            others = f" (and {len(objects) - 1} more of {package})" if len(objects) > 1 else ""
            message = (
                f"{machine_code.own(objects[0])}{others} {misfit}; the function runs on Linux, {target.architecture}"
            )
            hint = (
                f"take a wheel of {package} that is for {target.platform}; leave the package out if nothing imports it"
            )
            yield self.finding(message, hint, severity=None if is_imported else "warning")
