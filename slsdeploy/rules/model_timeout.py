"""A model may take longer than the function has."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject


class ModelTimeout(Rule):
    """A model may take longer than the function has.

    Why: Lambda ends the function at its own timeout. A model's must be shorter, or nobody is there any more to let its fallback answer.

    Mend: lower the model's timeout, or raise the function's.

    Example:
        timeout = 5

        [models.iris]
        path = "iris.onnx"
        timeout = 5
    """

    id = "model-timeout"
    severity = "warning"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        limit = subject.project.config.timeout
        for model in subject.project.models:
            if model.timeout is not None and model.timeout >= limit:
                message = f"model {model.name} may take {model.timeout:g} s; the function is ended after {limit} s"
                hint = "lower the model's timeout, or raise the function's"
                yield self.setting(subject, ("models", model.name, "timeout"), message, hint)
