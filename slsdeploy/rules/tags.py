"""The tags are more, or others, than AWS takes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject

LIMIT = 50
_OWN = ("slsdeploy:name", "slsdeploy:stage")
_MARKS = "_.:/=+-@"


class Tags(Rule):
    """The tags are more than AWS takes, or have characters that it does not.

    Names that begin with "aws:", and lengths, are refused in slsdeploy.toml already.

    Why: CloudFormation hands the stack's tags to every resource in it, 50 at most, of which slsdeploy sets two; services refuse what is
    no letter, digit, space or one of _.:/=+-@.

    Mend: leave some out, or write others.

    Example:
        [tags]
        "cost center" = "research & development"
    """

    id = "tags"
    link = "https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html#id_tags_naming_best_practices"

    def check(self, subject: Subject) -> Iterator[Finding]:
        tags = subject.project.config.tags
        if len({*tags, *_OWN}) > LIMIT:
            message = f"there are {len(tags)} tags; AWS takes {LIMIT}, of which slsdeploy sets {len(_OWN)}"
            yield self.setting(subject, ("tags",), message, f"leave out {len({*tags, *_OWN}) - LIMIT}")
        for name, value in tags.items():
            strange = sorted({mark for mark in name + value if not _is_taken(mark)})
            if strange:
                message = f"the tag {name!r} has {' '.join(map(repr, strange))}"
                hint = f"AWS takes letters, digits, spaces and {_MARKS}"
                yield self.setting(subject, ("tags", name), message, hint)
            if name in _OWN:
                message = (
                    f"the tag {name} is set by slsdeploy, to {getattr(subject.project, name.rpartition(':')[2])!r}"
                )
                yield self.setting(subject, ("tags", name), message, "give it another name", "warning")


def _is_taken(mark: str) -> bool:
    return unicodedata.category(mark)[0] in "LNZ" or mark in _MARKS
