"""A model is loaded when it is asked, by a function that starts from a snapshot."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject


class SnapStartLazy(Rule):
    """A model is loaded when it is asked, by a function that starts from a snapshot.

    Why: a snapshot holds what was loaded when it was taken. A model with load = "lazy" is not in it: each environment loads it again,
    which is what SnapStart is there to spare.

    Mend: leave out load = "lazy", if there is memory for all of the models; otherwise nothing.

    Example:
        snap_start = true

        [models.large]
        path = "large.onnx"
        load = "lazy"
    """

    id = "snap-start-lazy"
    severity = "note"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/snapstart-best-practices.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        if subject.project.config.snap_start:
            for model in subject.project.models:
                if model.load == "lazy":
                    message = f"the snapshot does not hold model {model.name}: it is loaded when it is asked"
                    hint = 'leave out load = "lazy", if there is memory for all models'
                    yield self.setting(subject, ("models", model.name, "load"), message, hint)
