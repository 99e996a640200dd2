"""`[output]` is for answers that nobody waits for: a project may have no such trigger."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject
from slsdeploy_runtime.answers import is_projects

_ANSWERED = ("http", "stepfunctions", "appsync")  # their callers get the answer


class OutputUnused(Rule):
    """There is an `[output]`, and no trigger sends answers to it.

    It is for answers that nobody waits for: callers over HTTP, of Step Functions and of AppSync get theirs back.

    Why: it is probably a mistake about who gets the answers; what it creates costs and stays empty.

    Mend: remove [output], or let a trigger that nobody waits for (such as sqs) use it: without an `output` of its own.

    Example:
        [output]
        type = "sqs"

        [[trigger]]
        type = "http"
    """

    id = "output-unused"
    severity = "warning"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/lambda-invocation.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        config = subject.project.config
        if config.output is None or any(is_projects(each) and each.type not in _ANSWERED for each in config.trigger):
            return
        hint = "remove [output], or let a trigger that nobody waits for (such as sqs) use it: it has no `output` of its own then"
        message = "no trigger sends answers to the [output]; callers get theirs back"
        yield self.setting(subject, ("output",), message, hint)
