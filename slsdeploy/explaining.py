"""A rule's docstring -> its explanation: what is wrong, why, how to mend it, an example of what trips it. Pure.

The docstring's first line says what is wrong; more may follow. `Why:` and `Mend:` begin a paragraph each; what is indented below
`Example:` is shown as it is.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence

from slsdeploy import rules
from slsdeploy.config import FILE
from slsdeploy.config.spelling import did_you_mean
from slsdeploy.errors import ProjectError
from slsdeploy.results.check import Explained
from slsdeploy.rules import Rule

# Not a rule that could be ignored: what is found when a project cannot be read at all.
CONFIGURATION = Explained(
    rule="configuration",
    severity="error",
    phase="project",
    summary=f"{FILE}, or a file that it names, says something that cannot be.",
    meaning=f"{FILE}, or a file that it names, says something that cannot be.\n\n"
    "Unknown keys and values of the wrong type; numbers out of AWS's bounds; environment variables that Lambda reserves; names of buckets, "
    "queues, topics and tables that AWS refuses; an S3 trigger whose results would trigger it again; names, with the stage's, that are too "
    "long; a Python that Lambda does not know; models outside of the project. Every command refuses such a project, and says all of it.",
    why="Nothing else can be known of the project before.",
    mend="Each problem says where it is, what was found and what is expected. It cannot be ignored.",
    example='memory = "512"',
    link="https://toml.io/en/v1.0.0",
)
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
        why=_sentence(parts.get("Why", "")),
        mend=_sentence(parts.get("Mend", "")),
        example=inspect.cleandoc("\n" + parts.get("Example", "")),
        link=rule.link,
    )


def explain_all() -> list[Explained]:
    """Return the explanations of all rules, by id."""
    return [explain(rule) for rule in rules.find_rules()]


def explained(id: str) -> Explained:
    """Return the explanation of a rule by its id. Raises ProjectError when there is none."""
    known = {each.rule: each for each in (*explain_all(), CONFIGURATION)}
    if id not in known:
        raise unknown(id, list(known))
    return known[id]


def unknown(id: str, known: Sequence[str], where: str = "") -> ProjectError:
    """Return the error of a rule that there is not."""
    return ProjectError(f'there is no rule "{id}"', did_you_mean(id, known) or "`slsdeploy explain` lists them", where)


def _sentence(text: str) -> str:
    """Begin as a sentence does, unless the first word is a name that is written otherwise."""
    prose = _prose(text)
    first = prose.partition(" ")[0]
    return prose[:1].upper() + prose[1:] if first.isalpha() else prose


def _prose(text: str) -> str:
    """Join the lines of each paragraph."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n")).strip()
