"""`idempotent` is on, and nothing that calls the function may call it twice."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy import idempotency
from slsdeploy.rules.rule import Finding, Rule, Subject


class Idempotent(Rule):
    """`idempotent` is on, and nothing that calls the function may call it twice.

    Why: marks are for triggers that wait for no answer: queues, streams and events, which may be delivered again. A caller over HTTP that
    asks again is answered again, with or without the setting; its table costs for nothing.

    Mend: leave `idempotent` out, or add a trigger that it is for.

    Example:
        idempotent = true

        [[trigger]]
        type = "http"
    """

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
            yield self.setting(subject, ("idempotent",), message, "leave it out, or add such a trigger")
