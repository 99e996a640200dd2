"""Machine code among the project's own files that is not the function's."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.bundle import machine_code
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
                message = f"{each.path} {misfit or defect}; the function runs on Linux, {target.architecture}"
                hint = f"build it for Linux on {target.architecture}, or take its package's wheel: put it into the requirements"
                is_loaded = misfit and machine_code.is_linked(each)
                yield self.finding(message, hint, each.path, None if is_loaded else "warning")
