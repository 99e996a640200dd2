"""The project says that it does not run with the function's Python."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject

FILE = "pyproject.toml"


class PythonRequires(Rule):
    """pyproject.toml says that the project does not run with the function's Python.

    Why: what was written for another Python may not be imported by this one, or behave otherwise, and was not tested with it.

    Mend: set `python` to a version that `requires-python` allows, or allow the function's there.

    Example:
        requires-python = ">=3.14"  # in pyproject.toml, and no `python` in slsdeploy.toml, which means 3.13
    """

    id = "python-requires"
    severity = "warning"
    link = "https://packaging.python.org/en/latest/specifications/pyproject-toml/#requires-python"

    def check(self, subject: Subject) -> Iterator[Finding]:
        python = subject.project.config.python
        try:
            document = tomllib.loads((subject.project.root / FILE).read_text(encoding="utf-8"))
            said = document["project"]["requires-python"]
        except (OSError, ValueError, KeyError, TypeError):  # nothing is said
            return
        if isinstance(said, str) and not _allows(said, python):
            message = f'requires-python = "{said}"; the function runs on {python}'
            yield self.finding(message, "set `python` in slsdeploy.toml, or change requires-python", FILE)


def _allows(said: str, python: str) -> bool:
    """Say whether any release of that minor version will do; what nobody can read allows all."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # slow to import

    try:
        allowed = SpecifierSet(said)
    except InvalidSpecifier:
        return True
    return any(allowed.contains(f"{python}.{patch}") for patch in (0, 5, 10, 15, 99))
