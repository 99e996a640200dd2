"""Models that the function's own onnxruntime does not know how to read."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.bundle import acceptance, resolution
from slsdeploy.errors import ProjectError
from slsdeploy.rules.rule import Finding, Rule, Subject
from slsdeploy.types import ModelInfo

# What each minor version takes at most: opset, opset of ai.onnx.ml, file version (IR). Measured with one-node models, where
# https://onnxruntime.ai/docs/reference/compatibility.html says which version of ONNX each implements: it takes some more.
_TAKES = {
    (1, 16): (19, 3, 9),
    (1, 18): (21, 5, 10),
    (1, 21): (22, 5, 10),
    (1, 23): (23, 5, 11),
    (1, 24): (25, 5, 13),
    (1, 25): (26, 5, 13),
}
_NEWEST = (1, 31)


class ModelOpset(Rule):
    """A model is newer than the onnxruntime that the function gets, in its opset or its file's version.

    The requirements decide which onnxruntime that is; the one that slsdeploy itself runs on may be newer, and takes the model.

    Why: the function fails when it loads the model.

    Mend: allow a newer onnxruntime in the requirements, or export the model with a lower opset.

    Example:
        a requirements.txt with onnxruntime==1.22.1, and a model of opset 24
    """

    id = "model-opset"
    link = "https://onnxruntime.ai/docs/reference/compatibility.html"
    phase = "bundle"  # what is locked is known then; before that it may be

    def check(self, subject: Subject) -> Iterator[Finding]:
        version = _locked(subject)
        takes = _takes(version)
        for model in subject.project.models:
            info = subject.models.get(model.name)
            if not isinstance(info, ModelInfo) or takes is None:
                continue
            has = (info.opset, info.ml_opset, info.ir_version)
            words = ("opset", "ai.onnx.ml opset", "file version (IR)")
            for word, found, most in zip(words, has, takes, strict=True):
                if found > most:
                    message = f"model {model.name} has {word} {found}; the function's onnxruntime {version} knows up to {most}"
                    hint = f"allow a newer onnxruntime in the requirements, or export the model with {word} {most} or lower"
                    yield self.finding(message, hint, subject.relative(model.path))


def _locked(subject: Subject) -> str:
    try:
        section = resolution.find(subject.project)
    except ProjectError:  # whoever needs the lock says what is wrong with it
        return ""
    return acceptance.shipped(section) if section else ""


def _takes(version: str) -> tuple[int, int, int] | None:
    """Return what a version takes; None for one that is not known, and for those that take all there was when this was written."""
    numbers = version.split(".")
    if len(numbers) < 2 or not all(number.isdecimal() for number in numbers[:2]):
        return None
    minor = (int(numbers[0]), int(numbers[1]))
    known = [takes for since, takes in _TAKES.items() if since <= minor]
    return known[-1] if known and minor <= _NEWEST else None
