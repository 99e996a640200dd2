"""A model that slsdeploy.toml names is not there."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject


class ModelMissing(Rule):
    """The file must exist; whether it is any good is model-corrupt's."""

    id = "model-missing"

    def check(self, subject: Subject) -> Iterator[Finding]:
        for model in subject.project.models:
            if not model.path.exists():
                path = subject.relative(model.path)
                there = sorted(file.name for file in model.path.parent.glob("*.onnx"))
                hint = (
                    f"beside it there is {', '.join(there[:4])}"
                    if there
                    else "copy the model there, or correct the path"
                )
                yield self.finding(f"the model file {path} does not exist", hint, path)
