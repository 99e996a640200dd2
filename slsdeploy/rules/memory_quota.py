"""The function has more memory than a new account allows."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject

LIMIT = 3008


class MemoryQuota(Rule):
    """The function has more memory than a new account allows.

    Why: new accounts begin with a lower quota, often 3,008 MB, until they have been used for a while: Lambda refuses such a function
    there.

    Mend: nothing, if the account is not new. Otherwise lower `memory`, or ask AWS Support.

    Example:
        memory = 10240
    """

    id = "memory-quota"
    severity = "note"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        memory = subject.project.config.memory
        if memory > LIMIT:
            message = f"memory = {memory}: a new account may have no more than {LIMIT:,} MB"
            yield self.setting(subject, ("memory",), message, "nothing to do if your account is not new")
