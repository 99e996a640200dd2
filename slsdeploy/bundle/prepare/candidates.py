"""The ways in which a model may ship, and which of them come into question for a model.

| candidate  | the graph                                         | its weights                  | optimised when it is loaded  |
|------------|---------------------------------------------------|------------------------------|------------------------------|
| plain      | as it is                                          | as they are                  | yes                          |
| mapped     | as it is                                          | in a file that is mapped     | yes                          |
| optimised  | optimised ahead (ORT_ENABLE_EXTENDED)             | in the model's file          | yes, quicker                 |
| external   | optimised ahead                                   | in a file that is mapped     | yes, quicker                 |
| frozen     | optimised ahead                                   | in a file that is mapped     | no                           |
| prepacked  | optimised ahead for this processor (ORT_ENABLE_ALL) | mapped, as its kernels want them | no                       |

Above ORT_ENABLE_EXTENDED onnxruntime writes layouts for the processor at hand, and says so itself. Up to there two things still follow
the processor: a 16-bit graph gets casts to 32 bits where its kernels are missing, and how 8-bit operators between QuantizeLinear and
DequantizeLinear are joined (`session.qdqisint8allowed`) differs between arm64 and x86_64. Such models are not optimised ahead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from slsdeploy.bundle import model as models
from slsdeploy.types import ModelInfo

Ahead = Literal["", "extended", "all"]
# What a protocol buffer can hold, with some room for the graph: https://protobuf.dev/programming-guides/proto-limits/
INLINE_LIMIT = 2_000_000_000
_QDQ = frozenset({"QuantizeLinear", "DequantizeLinear"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way to ship a model: how far its graph is optimised `ahead`, where its weights are, the level at which it is loaded."""

    name: str
    ahead: Ahead = ""
    external: bool = False
    level: str = "all"
    prepacked: bool = False

    @property
    def is_plain(self) -> bool:
        return self.name == PLAIN.name

    @property
    def files(self) -> str:
        """Return what names its files: candidates that differ in the level only have the same."""
        return f"{self.ahead} {self.external} {self.prepacked}"

    @property
    def session(self) -> dict[str, Any]:
        """Return what the runtime's format needs to know (`session` of slsdeploy.json)."""
        return {"level": self.level}


PLAIN = Candidate("plain")
PREPACKED = Candidate("prepacked", ahead="all", external=True, level="none", prepacked=True)
# Each must beat the ones before it, so the more a candidate changes, the later it comes.
SAFE = (
    PLAIN,
    Candidate("mapped", external=True),
    Candidate("optimised", ahead="extended"),
    Candidate("external", ahead="extended", external=True),
    Candidate("frozen", ahead="extended", external=True, level="none"),
)
BY_NAME = {candidate.name: candidate for candidate in (*SAFE, PREPACKED)}


def of(source: Path, info: ModelInfo, *, native: bool) -> tuple[Candidate, ...]:
    """Return the candidates for a model whose main file is `source`, the plain one first; `native` adds this processor's."""
    tied = is_tied(source)
    found = [candidate for candidate in SAFE if not (tied and candidate.ahead)]
    if info.bytes > INLINE_LIMIT:
        found = [candidate for candidate in found if candidate.external or candidate.is_plain]
    return (*found, *([PREPACKED] if native else []))


def is_tied(source: Path) -> bool:
    """Say whether the graph that onnxruntime would write for the model depends on the processor that it runs on."""
    import onnx

    model = onnx.load(source, load_external_data=False)
    if {node.op_type for graph in models.all_graphs(model) for node in graph.node} >= _QDQ:
        return True
    half = {onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16}
    return not half.isdisjoint(_element_types(model))


def _element_types(model: Any) -> Iterator[int]:
    for tensor in models.tensors(model):
        yield tensor.data_type
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        yield value.type.tensor_type.elem_type
    for graph in models.all_graphs(model):
        for node in graph.node:
            if node.op_type == "Cast":
                yield from (attribute.i for attribute in node.attribute if attribute.name == "to")
