"""Machine code among the project's own files that is not the function's."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.bundle import machine_code
from slsdeploy.bundle.shared_objects import SharedObject
from slsdeploy.printable import printable
from slsdeploy.rules.rule import Finding, Rule, Subject


class ProjectBinary(Rule):
    """A shared object or a program among the project's own files is made for another machine or system.

    One that lies beside a fitting one of the same name is fine; what no loader takes (text, a damaged file) is a warning.

    Why: Python cannot load it on Lambda: the import fails with "cannot open shared object file" or "invalid ELF header".

    Mend: build it for Linux on the function's `architecture`, or put its package into the requirements: wheels are taken for the target.

    Example:
        fast.cpython-313-darwin.so renamed to fast.so, in a function for arm64 Linux
    """

    id = "project-binary"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/foundation-arch.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        target = subject.project.target
        found = [content.object for content in subject.contents.files.values() if content.object]
        fitting = {machine_code.stem(each.path) for each in found if machine_code.fits(each, target)}
        for each in found:
            misfit, defect = machine_code.misfit(each, target), machine_code.defect(each)
            if (misfit or defect) and machine_code.stem(each.path) not in fitting:
                yield self._told(each, misfit, defect, target.architecture)

    def _told(self, of: SharedObject, misfit: str, defect: str, architecture: str) -> Finding:
        if defect:
            return self.finding(
                f"{printable(of.path)} {defect}", "build it again, or leave it out with `exclude`", of.path, "warning"
            )
        message = f"{printable(of.path)} {misfit}; the function runs on Linux, {architecture}"
        hint = f"build it for Linux on {architecture}, or take its package's wheel: put it into the requirements"
        return self.finding(message, hint, of.path, None if machine_code.is_linked(of) else "warning")
