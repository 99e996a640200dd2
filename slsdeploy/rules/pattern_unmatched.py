"""A pattern of `include` or `exclude` that matches nothing."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.bundle import patterns
from slsdeploy.bundle.patterns import Idle
from slsdeploy.config.spelling import did_you_mean
from slsdeploy.rules.env_file import never_ships
from slsdeploy.rules.rule import Finding, Rule, Subject


class PatternUnmatched(Rule):
    """A pattern of `include` or `exclude` matches nothing in the project folder.

    For `exclude` this is a note: what is not there on this machine may be on another.

    Why: a file that the function reads does not ship because its name is misspelt, and is missed when a request asks for it; one that
    should stay at home ships.

    Mend: correct the pattern, or remove it. Patterns are those of .gitignore, from the project folder on; what `exclude` names does not
    ship even if `include` names it too.

    Example:
        include = ["lables.csv"]  # the file is labels.csv
    """

    id = "pattern-unmatched"
    severity = "warning"
    link = "https://git-scm.com/docs/gitignore#_pattern_format"

    def check(self, subject: Subject) -> Iterator[Finding]:
        try:
            found = patterns.idle(subject.project)
        except ValueError:  # no pattern at all: the build says so
            return
        for each in found:
            if each.key == "include" and never_ships(each.pattern):  # env-file says why
                continue
            what = "nothing that may ship" if each.key == "include" else "nothing"
            message = f'{each.key} = "{each.pattern}" matches {what}'
            severity = self.severity if each.key == "include" else "note"
            yield self.setting(subject, (each.key, each.index), message, _hint(each), severity)


def _hint(of: Idle) -> str:
    """Say what was perhaps meant; of a pattern with wildcards nobody knows."""
    if of.is_excluded:
        return "what it names is left out by `exclude`: remove one of the two"
    meant = "" if set(of.pattern) & set("*?[!") else did_you_mean(of.pattern.strip("/"), _names(of))
    return meant or "patterns are those of .gitignore, from the project folder on: correct it, or remove it"


def _names(of: Idle) -> list[str]:
    depth = of.pattern.strip("/").count("/")
    paths = [path.strip("/") for path in of.paths]
    return [path if depth else path.rpartition("/")[2] for path in paths]
