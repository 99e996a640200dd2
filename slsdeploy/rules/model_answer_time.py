"""A model's answer, measured, takes longer than it may."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy import measurements
from slsdeploy.rules.rule import BundleRule, Finding, Subject
from slsdeploy.types import Bundle


class ModelAnswerTime(BundleRule):
    """A model's answer, measured at the build, takes longer than the function, or the model, may take.

    Below 1,769 MB a function has a part of a processor, and takes accordingly longer than the machine that built it.

    Why: Lambda ends the function at its timeout; at its own, a model is given up and its fallback answers, always.

    Mend: raise `timeout`, or `memory`, which buys processor time too.

    Example:
        timeout = 1
        memory = 128  # and a model that was measured with 300 ms for a row
    """

    id = "model-answer-time"
    severity = "warning"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html"

    def check_bundle(self, subject: Subject, bundle: Bundle) -> Iterator[Finding]:
        config = subject.project.config
        for model, row in measurements.measured(subject.project, bundle):
            seconds = row.warm_ms / 1000 * measurements.slowdown(config.memory)
            least = min(config.timeout, model.timeout or config.timeout)
            if seconds > least:
                key = ("models", model.name, "timeout") if model.timeout == least else ("timeout",)
                took = f"model {model.name} was measured with {row.warm_ms:,.0f} ms for an answer"
                message = f"{took}: about {seconds:,.1f} s with {config.memory:,} MB of memory; it may take {least:g} s"
                yield self.setting(subject, key, message, "raise timeout, or memory, which buys processor time")
