"""What the last build measured of the models, for rules that compare it with the function's settings. Pure.

Measured on this machine, with a whole processor: a function has one from 1,769 MB on, and a part of one below.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from slsdeploy.types import Bundle, Measured, Model, Project

VCPU = 1769  # MB
# Python, numpy and onnxruntime, in every process that was measured (MB)
ENGINE = 80


def measured(project: Project, bundle: Bundle) -> Iterator[tuple[Model, Measured]]:
    """Yield the models that were measured in the form that ships; what slsdeploy.lock chose was measured elsewhere."""
    models = {model.name: model for model in project.models}
    for preparation in bundle.preparations:
        for row in preparation.measured:
            if row.candidate == preparation.choice and not row.dropped:
                yield models[preparation.model], row


def slowdown(memory: int) -> float:
    """Return how many times longer a function with so much memory (MB) takes than a whole processor."""
    return max(1.0, VCPU / memory)


def together(resident: Sequence[float]) -> float:
    """Return what models take side by side (MB), from what a process with each alone takes: the engine is there once."""
    return ENGINE + sum(max(0.0, each - ENGINE) for each in resident) if resident else 0.0
