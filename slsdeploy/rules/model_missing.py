"""A model that slsdeploy.toml names is not there."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.commands import command
from slsdeploy.rules.rule import Finding, Rule, Subject
from slsdeploy.types import EfsOrigin, Model, S3Origin


class ModelMissing(Rule):
    """A model that slsdeploy.toml names is not there.

    One that lives in S3 is fetched by the next build, so that it is only a note that nothing is known of it.

    Why: there is nothing to build.

    Mend: copy the model to where slsdeploy.toml says it is, or correct the path.

    Example:
        model = "modle.onnx"
    """

    id = "model-missing"
    link = "https://onnx.ai/onnx/intro/python.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        for model in subject.project.models:
            if not model.path.exists():
                yield self._missing(model, subject)

    def _missing(self, model: Model, subject: Subject) -> Finding:
        path = subject.relative(model.path)
        if isinstance(model.origin, S3Origin):
            message = f"{model.origin.uri} has not been fetched yet: nothing is known of it"
            return self.finding(
                message, f"`{command(subject.project, 'build')}` fetches it", model.origin.uri, severity="note"
            )
        if isinstance(model.origin, EfsOrigin):
            message = f"{path} does not exist: the copy of {model.origin.path} that is built with"
            return self.finding(message, "copy the file from the file system to there; it does not ship", path)
        there = sorted(file.name for file in model.path.parent.glob("*.onnx"))
        hint = f"beside it there is {', '.join(there[:4])}" if there else "copy the model there, or correct the path"
        return self.finding(f"the model file {path} does not exist", hint, path)
