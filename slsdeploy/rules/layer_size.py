"""How large a layer of others is, nobody has asked yet."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.commands import command
from slsdeploy.rules.rule import Finding, Rule, Subject


class LayerSize(Rule):
    """How large a layer of others is, nobody has asked yet.

    Layers count toward the 250 MiB that a function may take unzipped. `lock`, `plan` and `up` ask AWS once for the size of each layer in
    `layers`, and write it to slsdeploy.lock; the preflight asks nobody.

    Why: without it, unzipped-size cannot say whether Lambda takes the function.

    Mend: run `slsdeploy lock`, and commit slsdeploy.lock.

    Example:
        layers = ["arn:aws:lambda:eu-central-1:123456789012:layer:fonts:7"]
    """

    id = "layer-size"
    severity = "note"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        for index, layer in enumerate(subject.project.layers):
            if layer.bytes is None:
                message = f"the size of {layer.arn} is not known yet, and not counted"
                yield self.setting(
                    subject, ("layers", index), message, f"`{command(subject.project, 'lock')}` asks AWS for it"
                )
