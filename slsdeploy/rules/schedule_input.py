"""A schedule has no inference request to send, and nothing of the project makes one."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Severity, Subject


class ScheduleInput(Rule):
    """A schedule has no inference request to send, and nothing of the project makes one.

    Without an `input` a schedule sends an empty request, which only a `preprocess` can make something of. A module that may have one after
    all (imported with `*`, say) is only warned of.

    Why: every run of the schedule would fail.

    Mend: give the trigger an `input`, or write a preprocess that finds its own data.

    Example:
        [[trigger]]
        type = "schedule"
        expression = "rate(1 hour)"
    """

    id = "schedule-input"
    link = "https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        handler = subject.project.handler
        if handler is not None and "preprocess" in handler.functions:
            return
        has_functions = handler is not None and not handler.app
        for index, trigger in enumerate(subject.project.triggers):
            if trigger.options.type == "schedule" and not trigger.options.input:
                message = (
                    "a schedule without input sends an empty request, and there is no preprocess to make one of it"
                )
                hint = "set input = { inputs = {...} } or { instances = [...] }, or write a preprocess that finds its own data"
                severity: Severity = "warning" if has_functions else "error"
                yield self.setting(subject, ("trigger", index), message, hint, severity)
