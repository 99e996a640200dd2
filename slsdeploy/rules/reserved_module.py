"""The runtime's own name, taken by the project."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject

_NAMES = ("slsdeploy_runtime", "slsdeploy_runtime.py", "slsdeploy.json")


class ReservedModule(Rule):
    """A file of the project has the place of one of the runtime's: slsdeploy_runtime, or slsdeploy.json.

    Why: the bundle has its own there. The project's would be lost, or the function would call it and not the runtime.

    Mend: rename it.

    Example:
        slsdeploy_runtime/__init__.py in the project
    """

    id = "reserved-module"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        taken = {path.split("/", 1)[0]: path for path in subject.contents.files if path.split("/", 1)[0] in _NAMES}
        for name, path in taken.items():
            yield self.finding(f"{path} is where the bundle has its own {name}", "rename it", path)
