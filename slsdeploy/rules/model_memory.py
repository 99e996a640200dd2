"""A model is large for the memory that the function has."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject, megabytes

# Measured with 90 MB of weights: 184 MB resident once the session is built, about twice the file.
_COPIES = 2
# Python, numpy and onnxruntime, imported: about 80 MB.
_ENGINE = 80 * 1024**2


def needed(weights: int) -> int:
    """Return the memory (bytes) that a function takes with so many bytes of weights."""
    return _COPIES * weights + _ENGINE


class ModelMemory(Rule):
    """onnxruntime holds about two copies of the weights while it builds a session; Lambda kills what needs more than there is."""

    id = "model-memory"
    severity = "warning"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        weights = sum(info.bytes for info in subject.infos)
        need = needed(weights)
        memory = subject.project.config.memory
        if need > memory * 1024**2:
            message = f"the weights are {megabytes(weights)}, and loading takes about twice that; the function has {memory:,} MB"
            yield self.finding(message, f"set memory to {min(need // 1024**2 + 128, 10240)}", "slsdeploy.toml")
