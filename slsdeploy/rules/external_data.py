"""The files that hold a model's weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from slsdeploy.errors import ExternalDataError, ProjectError
from slsdeploy.rules.rule import Finding, Rule, Subject


class ExternalData(Rule):
    """A file that holds a model's weights is missing, cut short, or not beside the model.

    A model of more than 2 GiB, or one that was saved so, keeps its weights in files beside it, named in the model by paths from its folder.

    Why: they ship with the model, and without them it does not load.

    Mend: copy all files of the export into the project, in their places, or save the model anew with its external data.

    Example:
        model = "bert.onnx", exported with bert.onnx.data, which was not copied
    """

    id = "external-data"
    link = "https://onnx.ai/onnx/repo-docs/ExternalData.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        for model in subject.project.models:
            if isinstance(subject.models.get(model.name), ExternalDataError):
                for problem in _problems(model.path):
                    yield self.finding(problem.message, problem.hint, subject.relative(model.path))


def _problems(path: Path) -> list[ExternalDataError]:
    from slsdeploy.bundle import model  # onnx is slow to import, and there is something wrong

    try:
        return model.external_problems(path)
    except ProjectError:  # it changed meanwhile
        return []
