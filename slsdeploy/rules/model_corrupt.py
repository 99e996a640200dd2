"""A model is there but cannot be served."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.errors import ProjectError
from slsdeploy.rules.rule import Finding, Rule, Subject


class ModelCorrupt(Rule):
    """Empty, cut short, not ONNX, its external data missing, too new for onnxruntime, or refused by it."""

    id = "model-corrupt"
    link = "https://onnx.ai/onnx/repo-docs/IR.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        for model in subject.project.models:
            error = subject.models.get(model.name)
            if isinstance(error, ProjectError):
                yield self.finding(error.message, error.hint, subject.relative(model.path))
