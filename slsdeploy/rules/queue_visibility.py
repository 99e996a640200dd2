"""A queue shows its messages again while the function may still be at work on them."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject

_TIMES = 6


class QueueVisibility(Rule):
    """A queue shows its messages again while the function may still be at work on them.

    Why: Lambda asks for a visibility timeout of six times the function's own, and for the time that a batch may take to fill. With less
    a message is delivered twice, or ends among the dead letters while all is well; SQS and Lambda refuse what is below the timeout.

    Mend: leave out `visibility_timeout`, which makes it right, raise it, or lower `timeout`.

    Example:
        timeout = 60

        [[trigger]]
        type = "sqs"
        visibility_timeout = 60
    """

    id = "queue-visibility"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-queueconfig"

    def check(self, subject: Subject) -> Iterator[Finding]:
        timeout = subject.project.config.timeout
        for index, trigger in enumerate(subject.project.config.trigger):
            given = trigger.visibility_timeout if trigger.type == "sqs" else None
            if given is None:
                continue
            least, window = _TIMES * timeout, trigger.maximum_batching_window_in_seconds
            place = ("trigger", index, "visibility_timeout")
            if given < least:
                message = f"visibility_timeout is {given} s; a function of {timeout} s needs at least {least}"
                yield self.setting(subject, place, message, f"set it to {least + window}, or leave it out")
            elif given < least + window:
                message = f"visibility_timeout is {given} s; with the {window} s that a batch may fill it should be {least + window}"
                yield self.setting(subject, place, message, "raise it, or leave it out", "warning")
