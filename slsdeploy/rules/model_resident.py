"""The models, measured, take more memory than the function has."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy import measurements
from slsdeploy.rules.rule import BundleRule, Finding, Subject
from slsdeploy.types import Bundle

_MB, _MIB = 10**6, 1024**2


class ModelResident(BundleRule):
    """The models, measured at the build, take more memory than the function has.

    What is loaded at start counts together, and of the lazy models the largest.

    Why: Lambda kills a function that takes more than its memory, and every request that it was at work on fails.

    Mend: raise `memory`, let some models be loaded when they are asked (load = "lazy"), or make them smaller (quantize = "int8").

    Example:
        memory = 128  # and a model that was measured with 400 MB resident
    """

    id = "model-resident"
    severity = "warning"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"

    def check_bundle(self, subject: Subject, bundle: Bundle) -> Iterator[Finding]:
        rows = list(measurements.measured(subject.project, bundle))
        eager = [row.resident_mb for model, row in rows if model.load == "eager"]
        lazy = [row.resident_mb for model, row in rows if model.load == "lazy"]
        need = measurements.together([*eager, *([max(lazy)] if lazy else [])])
        memory = subject.project.config.memory
        if need * _MB > memory * _MIB:
            message = f"the models were measured with {need:,.0f} MB resident; the function has {memory:,} MB"
            hint = f"set memory to {min(int(need * _MB / _MIB * 1.2), 10240)} or more"
            yield self.setting(subject, ("memory",), message, hint)
