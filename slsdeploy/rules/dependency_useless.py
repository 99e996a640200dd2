"""Dependencies that a function has no use for."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy import targets
from slsdeploy.bundle import distributions, facts
from slsdeploy.bundle.distributions import Distribution
from slsdeploy.rules.rule import BundleRule, Finding, Subject
from slsdeploy.types import Bundle

_WHY = {
    "a training framework; a model exported to ONNX needs none": """
        torch torchvision torchaudio tensorflow tensorflow-cpu keras jax jaxlib mxnet paddlepaddle""",
    "it makes models; onnxruntime runs them": "skl2onnx onnxmltools tf2onnx onnxsim onnx optimum",
    "it is for people at a screen": "jupyter jupyterlab notebook ipykernel ipython matplotlib seaborn plotly streamlit gradio",
    "it is for development": """
        debugpy pytest tox nox coverage hypothesis mypy ruff black flake8 pylint pre-commit isort""",
    "it builds packages": "pip setuptools wheel uv poetry build twine",
    "Lambda calls the application without a server": "uvicorn gunicorn hypercorn",
    "it is for training": "mlflow wandb tensorboard dvc clearml",
}
_USELESS = {name: why for why, names in _WHY.items() for name in names.split()}
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
            told = why(each, bundle)
            if told and not imported & set(each.modules):
                message = f"{each.name} is in the bundle: {told}"
                yield self.finding(message, "take it out of the requirements, or what needs it")


def why(of: Distribution, bundle: Bundle) -> str:
    """Say why a package is of no use; "" when it may be."""
    if of.key in _AWS:
        return "" if bundle.package == targets.IMAGE else "Lambda's runtime has it"
    return _USELESS.get(of.key, "")
