"""Models are large for the memory that the function has, or that it leaves to them."""

from __future__ import annotations

from collections.abc import Iterator

from slsdeploy.rules.rule import Finding, Rule, Subject, megabytes
from slsdeploy.types import ModelInfo

# Measured with 90 MB of weights: while a session is built there are two copies of them.
_COPIES = 2
# Python, numpy and onnxruntime, imported: about 80 MB.
_ENGINE = 80 * 1024**2
_MB = 1024**2


def needed(weights: int) -> int:
    """Return the memory (bytes) that a function takes with so many bytes of weights."""
    return _COPIES * weights + _ENGINE


class ModelMemory(Rule):
    """Models are large for the memory that the function has, or that it leaves to them.

    onnxruntime holds about two copies of the weights while it loads them. What is loaded at start counts together, and of the lazy models
    the largest: the others make room for it. This is an estimate: once the model has been measured, model-resident says what it takes.

    Why: Lambda kills what needs more memory than there is, at start or in the middle of a request.

    Mend: raise `memory`, or let some models be loaded when they are asked: load = "lazy".

    Example:
        model = "model.onnx"  # 500 MB of weights
        memory = 512
    """

    id = "model-memory"
    severity = "warning"
    link = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"

    def check(self, subject: Subject) -> Iterator[Finding]:
        named = {name: info for name, info in subject.models.items() if isinstance(info, ModelInfo)}
        lazy = {model.name for model in subject.project.models if model.load == "lazy"}
        eager = sum(info.bytes for name, info in named.items() if name not in lazy)
        largest = max((info.bytes for name, info in named.items() if name in lazy), default=0)
        memory = subject.project.config.memory
        limit = subject.project.config.model_memory if len(named) > 1 else None  # a single model has all there is
        need = needed(eager + largest)
        if limit is not None:
            yield from self._limited(subject, named, eager, limit)
            # the models are kept below the limit; one that does not fit into it is loaded all the same
            alone = max(info.bytes for info in named.values())
            need = min(need, max(limit * _MB, alone) + alone + _ENGINE)
        if need > memory * _MB:
            what = "the weights of the eager models and of the largest lazy one" if lazy else "the weights"
            message = f"{what} are {megabytes(eager + largest)}, and loading takes about twice that; the function has {memory:,} MB"
            lower = ', or let some be loaded when they are asked: load = "lazy"' if eager and len(named) > 1 else ""
            hint = f"set memory to {min(need // _MB + 128, 10240)}{lower}"
            yield self.setting(subject, ("memory",), message, hint)

    def _limited(self, subject: Subject, named: dict[str, ModelInfo], eager: int, limit: int) -> Iterator[Finding]:
        """Find what does not fit into `model_memory`: it works, but models are loaded again and again."""
        for name, info in named.items():
            if info.bytes > limit * _MB:
                message = f"model {name} has {megabytes(info.bytes)}, more than model_memory ({limit:,} MB)"
                hint = f"set model_memory to {info.bytes // _MB + 1} or more, or leave it out"
                yield self.setting(subject, ("model_memory",), message, hint)
        if eager > limit * _MB:
            message = f"the eager models have {megabytes(eager)}, more than model_memory ({limit:,} MB)"
            hint = 'not all of them will be loaded at start: set some to load = "lazy"'
            yield self.setting(subject, ("model_memory",), message, hint)
