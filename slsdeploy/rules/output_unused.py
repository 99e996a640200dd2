"""`[output]` is for answers that nobody waits for: a project may have no such trigger."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.config import FILE
from slsdeploy.rules.rule import Finding, Rule, Subject
from slsdeploy_runtime.answers import is_projects

_ANSWERED = ("http", "stepfunctions", "appsync")  # their callers get the answer


class OutputUnused(Rule):
    """An output that nothing is sent to is a mistake about who gets the answers."""

    id = "output-unused"
    severity = "warning"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/lambda-invocation.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        config = subject.project.config
        if config.output is None or any(is_projects(each) and each.type not in _ANSWERED for each in config.trigger):
            return
        hint = "remove [output], or let a trigger that nobody waits for (such as sqs) use it: it has no `output` of its own then"
        yield self.finding("no trigger sends answers to the [output]; callers get theirs back", hint, FILE)
