"""`idempotent` is on, and nothing that calls the function may call it twice."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy import idempotency
from slsdeploy.config import FILE
from slsdeploy.rules.rule import Finding, Rule, Subject


class Idempotent(Rule):
    """Marks are for triggers that wait for no answer: a caller that asks again is answered again, with or without the setting."""

    id = "idempotent"
    severity = "warning"
    link = (
        "https://docs.aws.amazon.com/lambda/latest/dg/concepts-event-driven-architectures.html#event-driven-idempotency"
    )

    def check(self, subject: Subject) -> Iterator[Finding]:
        project = subject.project
        if project.config.idempotency_seconds is not None and not idempotency.is_of_use(project):
            called = ", ".join(sorted({trigger.options.type for trigger in project.triggers})) or "no trigger"
            message = f"idempotent does nothing here: it is for queues, streams and events; this project has {called}"
            yield self.finding(message, "leave it out, or add such a trigger", FILE)
