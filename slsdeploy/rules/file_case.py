"""File names that are one and the same elsewhere."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator

from slsdeploy.printable import printable
from slsdeploy.rules.rule import Finding, Rule, Subject


class FileCase(Rule):
    """Names of files that ship differ only in case, or in how an accent is written.

    Why: Lambda tells them apart; Windows and macOS do not: a checkout there has one of them, and a bundle built there is another one.

    Mend: rename one of them.

    Example:
        include = ["data/*"], with data/Labels.txt and data/labels.txt
    """

    id = "file-case"
    severity = "warning"
    link = "https://git-scm.com/docs/git-config#Documentation/git-config.txt-coreignoreCase"

    def check(self, subject: Subject) -> Iterator[Finding]:
        alike: dict[str, list[str]] = defaultdict(list)
        for path in subject.contents.files:
            alike[unicodedata.normalize("NFC", path).casefold()].append(path)
        for first, *others in alike.values():
            for other in others:
                message = f"{printable(first)} and {printable(other)} are one name where case or accents do not count"
                yield self.finding(message, "rename one of them: macOS and Windows can hold only one", other)
