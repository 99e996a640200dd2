"""A rule's docstring -> its explanation: what is wrong, why, how to mend it, an example of what trips it. Pure.

The docstring's first line says what is wrong; more may follow. `Why:` and `Mend:` begin a paragraph each; what is indented below
`Example:` is shown as it is.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence

from slsdeploy import rules
from slsdeploy.config.spelling import did_you_mean
from slsdeploy.errors import ProjectError
from slsdeploy.results import Explained
from slsdeploy.rules import Rule

_PARTS = re.compile(r"^(Why|Mend|Example):[ \n]", re.MULTILINE)


def explain(rule: Rule) -> Explained:
    """Return what a rule says of itself."""
    head, *named = _PARTS.split(inspect.getdoc(rule) or "")
    parts = dict(zip(named[::2], named[1::2], strict=True))
    return Explained(
        rule=rule.id,
        severity=rule.severity,
        phase=rule.phase,
        summary=_prose(head.split("\n\n")[0]),
        meaning=_prose(head),
        why=_prose(parts.get("Why", "")),
        mend=_prose(parts.get("Mend", "")),
        example=inspect.cleandoc("\n" + parts.get("Example", "")),
        link=rule.link,
    )


def explain_all() -> list[Explained]:
    """Return the explanations of all rules, by id."""
    return [explain(rule) for rule in rules.find_rules()]


def find(id: str) -> Rule:
    """Return a rule by its id. Raises ProjectError when there is none."""
    known = {rule.id: rule for rule in rules.find_rules()}
    if id not in known:
        raise unknown(id, list(known))
    return known[id]


def unknown(id: str, known: Sequence[str], where: str = "") -> ProjectError:
    """Return the error of a rule that there is not."""
    return ProjectError(f'there is no rule "{id}"', did_you_mean(id, known) or "`slsdeploy explain` lists them", where)


def _prose(text: str) -> str:
    """Join the lines of each paragraph."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n")).strip()
