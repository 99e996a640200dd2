"""The function would have more layers than Lambda takes."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy import targets
from slsdeploy.rules.rule import Finding, Rule, Subject


class LayerCount(Rule):
    """The function would have more layers than Lambda takes.

    A function may have five. With package = "layer" ours are two, or three when a model ships; with "zip" there are none of ours, and
    "auto" is a zip when they would be too many.

    Why: Lambda refuses the function, in the middle of a deployment.

    Mend: attach fewer, or put ours into the function's zip: package = "zip".

    Example:
        package = "layer"
        layers = ["arn:...:layer:a:1", "arn:...:layer:b:1", "arn:...:layer:c:1"]
    """

    id = "layer-count"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        theirs, ours = len(subject.project.layers), _ours(subject)
        if theirs + ours > targets.LAYERS:
            own = f" and {ours} of ours" if ours else ""
            hint = 'attach fewer, or set `package = "zip"`' if ours else "attach fewer"
            message = f"{theirs} layers{own} are more than the {targets.LAYERS} that a function may have"
            yield self.setting(subject, ("layers",), message, hint)


def _ours(subject: Subject) -> int:
    if subject.project.config.package != "layer":
        return 0
    return 2 + any(model.origin is None for model in subject.project.models)
