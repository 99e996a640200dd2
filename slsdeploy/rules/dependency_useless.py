"""Dependencies that a function has no use for."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy import targets
from slsdeploy.bundle import distributions, facts
from slsdeploy.bundle.distributions import Distribution
from slsdeploy.rules.rule import BundleRule, Finding, Subject
from slsdeploy.types import Bundle

_WHY = {
    **dict.fromkeys(
        (
            "torch",
            "torchvision",
            "torchaudio",
            "tensorflow",
            "tensorflow-cpu",
            "keras",
            "jax",
            "jaxlib",
            "mxnet",
            "paddlepaddle",
        ),
        "a training framework; a model exported to ONNX needs none",
    ),
    **dict.fromkeys(
        ("skl2onnx", "onnxmltools", "tf2onnx", "onnxsim", "onnx", "optimum"), "it makes models; onnxruntime runs them"
    ),
    **dict.fromkeys(
        (
            "jupyter",
            "jupyterlab",
            "notebook",
            "ipykernel",
            "ipython",
            "matplotlib",
            "seaborn",
            "plotly",
            "streamlit",
            "gradio",
        ),
        "it is for people at a screen",
    ),
    **dict.fromkeys(
        (
            "pytest",
            "tox",
            "nox",
            "coverage",
            "hypothesis",
            "mypy",
            "ruff",
            "black",
            "flake8",
            "pylint",
            "pre-commit",
            "isort",
        ),
        "it is for development",
    ),
    **dict.fromkeys(("pip", "setuptools", "wheel", "uv", "poetry", "build", "twine"), "it builds packages"),
    **dict.fromkeys(("uvicorn", "gunicorn", "hypercorn"), "Lambda calls the application without a server"),
    **dict.fromkeys(("mlflow", "wandb", "tensorboard", "dvc", "clearml"), "it is for training"),
}
_AWS = ("boto3", "botocore", "s3transfer")


class DependencyUseless(BundleRule):
    """A dependency is of no use in a function.

    Training frameworks, notebooks, development tools; and boto3, which zip functions have. What the project's code imports is not told of.

    Why: it takes room, and time at each cold start when something imports it.

    Mend: take it out of the requirements; a requirements file of the function's own (`requirements = "function.txt"`) keeps both apart.

    Example:
        a requirements.txt with torch, beside a model exported to ONNX
    """

    id = "dependency-useless"
    severity = "note"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/best-practices.html"

    def check_bundle(self, subject: Subject, bundle: Bundle) -> Iterator[Finding]:
        imported = {name.partition(".")[0] for each in subject.contents.files.values() for name in each.imports}
        for each in distributions.of_facts(facts.of(bundle, "dependencies")):
            why = _why(each, bundle)
            if why and not imported & set(each.modules):
                yield self.finding(
                    f"{each.name} is in the bundle: {why}", "take it out of the requirements, or what needs it"
                )


def _why(of: Distribution, bundle: Bundle) -> str:
    if of.key in _AWS:
        return "" if bundle.package == targets.IMAGE else "Lambda's runtime has it"
    return _WHY.get(of.key, "")
