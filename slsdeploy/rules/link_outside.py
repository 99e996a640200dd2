"""Links that cannot ship."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.printable import printable
from slsdeploy.rules.rule import Finding, Rule, Subject


class LinkOutside(Rule):
    """A file that would ship is a link that leaves the project folder, or no file at all.

    Links within the project ship as what they point to. Those to folders are followed once.

    Why: another machine has something else there, or nothing, and a link may lead to what nobody meant to publish.

    Mend: copy what it points to into the project folder, or leave it out with `exclude`.

    Example:
        include = ["words.txt"], and words.txt -> /usr/share/dict/words
    """

    id = "link-outside"
    link = "https://docs.python.org/3/library/zipfile.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        for stray in subject.contents.strays:
            refusal = stray.refusal()
            yield self.finding(printable(refusal.message), printable(refusal.hint), stray.path)
