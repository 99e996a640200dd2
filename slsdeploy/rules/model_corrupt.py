"""A model is there but cannot be served."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.errors import ExternalDataError, ProjectError
from slsdeploy.rules.rule import Finding, Rule, Subject


class ModelCorrupt(Rule):
    """A model is there but cannot be served.

    It is empty, cut short, not ONNX, without its external data, too new for onnxruntime, or refused by it.

    Why: the function would not start.

    Mend: export the model again, and copy all of its files; a model in Git LFS has to be fetched first (`git lfs pull`).

    Example:
        an iris.onnx of which only the first 300 bytes were copied
    """

    id = "model-corrupt"
    link = "https://onnx.ai/onnx/repo-docs/IR.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        for model in subject.project.models:
            error = subject.models.get(model.name)
            if isinstance(error, ProjectError) and not isinstance(error, ExternalDataError):
                yield self.finding(error.message, error.hint, subject.relative(model.path))
